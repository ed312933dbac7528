// SPDX-License-Identifier: Apache-2.0
import type { Fit, PictureLayout } from '@paravideo/core';
import { AvError } from '../../av/av-error.ts';
import type { Av } from '../../av/node-av.ts';
import { PictureWriter } from '../scaling/picture-writer.ts';
import { rawPicture } from '../scaling/raw-pictures.ts';
import type { PictureColours } from './convert-messages.ts';
import { InputPicture } from './input-picture.ts';
import type { PictureMaker } from './picture-maker.ts';

const SQUARE = { num: 1, den: 1 };

/** Makes raw pictures. */
export class PictureConverter implements PictureMaker {
  readonly #input: InputPicture;
  readonly #writer: PictureWriter;
  readonly #sizes: readonly number[];

  /** @param slot where each memory plane of a picture that is made begins */
  constructor(
    av: Av,
    from: PictureLayout,
    to: PictureLayout,
    { matrix, fullRange }: PictureColours,
    slot: readonly { readonly offset: number }[],
    fit: Fit = 'contain',
  ) {
    const made = rawPicture(to);
    if (made === undefined) throw new AvError('call', `pictures of ${to.fourcc} cannot be made`);
    this.#sizes = to.sizes;
    this.#input = new InputPicture(av, from, { matrix, fullRange });
    this.#writer = new PictureWriter(av, {
      format: made.name,
      width: to.width,
      height: to.height,
      fullRange: made.fullRange || fullRange,
      matrix,
      fit,
      colours: made.colours.map((plane) => ({ ...plane, buffer: 0, offset: (slot[plane.buffer]?.offset ?? 0) + plane.offset })),
    });
  }

  convert(planes: readonly Uint8Array[], slot: Uint8Array): readonly number[] | undefined {
    const made = this.#input.load(planes) && this.#writer.write(this.#input.frame, [slot], SQUARE);
    return made ? this.#sizes : undefined;
  }

  [Symbol.dispose](): void {
    this.#input[Symbol.dispose]();
    this.#writer[Symbol.dispose]();
  }
}
