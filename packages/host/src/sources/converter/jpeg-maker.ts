// SPDX-License-Identifier: Apache-2.0
import type { Fit, PictureLayout } from '@paravideo/core';
import { AvError } from '../../av/av-error.ts';
import type { Av, AvFrame } from '../../av/node-av.ts';
import { PictureWriter } from '../scaling/picture-writer.ts';
import type { PictureColours } from './convert-messages.ts';
import { InputPicture } from './input-picture.ts';
import { JpegEncoder } from './jpeg-encoder.ts';
import type { PictureMaker } from './picture-maker.ts';
import { quantiserStep, WORST_STEP } from './quantiser-step.ts';

const SQUARE = { num: 1, den: 1 };
/** AVCOL_SPC_SMPTE170M: what JPEG has (JFIF) */
const REC601 = 6;

/** Makes JPEG, 4:2:0 as most cameras' pictures are, with full range. */
export class JpegMaker implements PictureMaker {
  readonly #most: number;
  readonly #input: InputPicture;
  readonly #picture: AvFrame;
  readonly #writer: PictureWriter;
  readonly #step: number;
  readonly #encoder: JpegEncoder;

  /** @param quality 1 to 100 */
  constructor(av: Av, from: PictureLayout, to: PictureLayout, colours: PictureColours, quality: number, fit: Fit = 'contain') {
    const { width, height, sizes } = to;
    this.#most = sizes[0] ?? 0;
    this.#step = quantiserStep(quality);
    this.#encoder = new JpegEncoder(av, { width, height });
    this.#input = new InputPicture(av, from, colours);
    this.#picture = codedFrame(av, { width, height });
    const strides = this.#picture.linesize;
    this.#writer = new PictureWriter(av, {
      format: 'yuv420p',
      width,
      height,
      fullRange: true,
      matrix: REC601,
      fit,
      colours: [0, 1, 2].map((i) => {
        // Of an odd side the last chroma sample stands for one pixel.
        const [lineBytes, rows] = i === 0 ? [width, height] : [Math.ceil(width / 2), Math.ceil(height / 2)];
        return { buffer: i, offset: 0, stride: strides[i] ?? lineBytes, rows, lineBytes };
      }),
    });
  }

  convert(planes: readonly Uint8Array[], slot: Uint8Array): readonly number[] | undefined {
    const picture = this.#picture;
    if (!this.#input.load(planes) || !this.#writer.write(this.#input.frame, picture.data ?? [], SQUARE)) return undefined;
    const room = slot.subarray(0, this.#most);
    let step = this.#step;
    let bytes = this.#encoder.encode(picture, room, step);
    // There is no room for noise in the best quality.
    while (bytes === 'too long' && step < WORST_STEP) {
      step = Math.min(WORST_STEP, step * 2);
      bytes = this.#encoder.encode(picture, room, step);
    }
    return typeof bytes === 'number' ? [bytes] : undefined;
  }

  [Symbol.dispose](): void {
    this.#encoder[Symbol.dispose]();
    this.#input[Symbol.dispose]();
    this.#writer[Symbol.dispose]();
    this.#picture.free();
  }
}

function codedFrame(av: Av, { width, height }: { readonly width: number; readonly height: number }): AvFrame {
  const frame = new av.Frame();
  frame.alloc();
  frame.width = width;
  frame.height = height;
  frame.format = av.constants.AV_PIX_FMT_YUVJ420P;
  frame.colorRange = av.constants.AVCOL_RANGE_JPEG;
  const allocated = frame.getBuffer();
  if (allocated < 0) throw new AvError('call', `no memory for a picture of ${width}x${height} (${allocated})`);
  return frame;
}
