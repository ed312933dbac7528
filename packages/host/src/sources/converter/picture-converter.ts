// SPDX-License-Identifier: Apache-2.0
import type { PictureLayout } from '@paravideo/core';
import { AvError } from '../../av/av-error.ts';
import type { Av, AvFrame } from '../../av/node-av.ts';
import { PictureWriter } from '../scaling/picture-writer.ts';
import { type RawPicture, rawPicture } from '../scaling/raw-pictures.ts';

const SQUARE = { num: 1, den: 1 };

/** Converts pictures of one layout to another. Holds native memory: dispose it. */
export class PictureConverter implements Disposable {
  readonly #frame: AvFrame;
  readonly #from: RawPicture;
  readonly #writer: PictureWriter;

  /**
   * @param matrix AVCOL_SPC_* of both where they are Y'CbCr
   * @param slot where each memory plane of a picture that is made begins
   */
  constructor(av: Av, from: PictureLayout, to: PictureLayout, matrix: number, slot: readonly { readonly offset: number }[]) {
    const [read, made] = [rawPicture(from), rawPicture(to)];
    if (read === undefined || made === undefined) {
      throw new AvError('call', `pictures of ${from.fourcc} cannot become pictures of ${to.fourcc}`);
    }
    this.#from = read;
    this.#frame = inputFrame(av, read, from, matrix);
    this.#writer = new PictureWriter(av, {
      format: made.name,
      width: to.width,
      height: to.height,
      fullRange: made.fullRange,
      matrix,
      fit: 'contain',
      colours: made.colours.map((plane) => ({ ...plane, buffer: 0, offset: (slot[plane.buffer]?.offset ?? 0) + plane.offset })),
    });
  }

  /** Reads the memory planes of a picture, and writes the other to `slot`. Of one that is short, the rest is as it was before. */
  convert(planes: readonly Uint8Array[], slot: Uint8Array): boolean {
    const { data, linesize } = this.#frame;
    for (const [i, { buffer, offset, stride, rows, lineBytes }] of this.#from.colours.entries()) {
      const [source, target] = [planes[buffer], data?.[i]];
      if (source === undefined || target === undefined) return false;
      const pitch = linesize[i] ?? 0;
      for (let y = 0; y < rows; y += 1) {
        const line = offset + y * stride;
        target.set(source.subarray(line, line + lineBytes), y * pitch);
      }
    }
    return this.#writer.write(this.#frame, slot, SQUARE);
  }

  [Symbol.dispose](): void {
    this.#frame.free();
    this.#writer[Symbol.dispose]();
  }
}

function inputFrame(av: Av, { name, fullRange }: RawPicture, { width, height }: PictureLayout, matrix: number): AvFrame {
  const c = av.constants;
  const frame = new av.Frame();
  frame.alloc();
  frame.width = width;
  frame.height = height;
  // What swscale calls grey has full range: it gets luma, beside chroma without colour.
  frame.format = av.avGetPixFmtFromName(name === 'gray' ? 'yuv420p' : name);
  frame.colorRange = fullRange ? c.AVCOL_RANGE_JPEG : c.AVCOL_RANGE_MPEG;
  frame.colorSpace = fullRange ? c.AVCOL_SPC_RGB : (matrix as typeof frame.colorSpace);
  frame.chromaLocation = c.AVCHROMA_LOC_LEFT;
  const allocated = frame.getBuffer();
  if (allocated < 0) throw new AvError('call', `no memory for ${name} ${width}x${height} (${allocated})`);
  if (name === 'gray') for (const chroma of frame.data?.slice(1) ?? []) chroma.fill(128);
  return frame;
}
