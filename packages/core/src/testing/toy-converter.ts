// SPDX-License-Identifier: Apache-2.0
import type { Colorimetry, Fit, PictureLayout } from '../picture/index.ts';
import type { CapturedFrame } from '../ports/capture.ts';
import type { Conversion, Converter } from '../ports/converter.ts';
import type { Frame } from '../ports/frame-source.ts';
import { V4L2_PIX_FMT_GREY, V4L2_PIX_FMT_NV12, V4L2_PIX_FMT_YUYV } from '../wire/v4l2/videodev2-constants.gen.ts';

/** A conversion of a `ToyConverter`. */
export interface ToyConversion {
  readonly from: PictureLayout;
  readonly to: PictureLayout;
  readonly quality: number;
  readonly fit: Fit;
  /** pictures that are asked for and not made: each makes one when it is called, or fails to with false */
  readonly making: ((made?: boolean) => void)[];
  closed: boolean;
}

/**
 * The shipped simple `Converter`, in the hands of a test: a picture that it makes is filled with the first byte of the one that it is
 * made of, and waits until the test says that it is made.
 */
export class ToyConverter implements Converter {
  readonly reads: readonly number[] = [V4L2_PIX_FMT_NV12, V4L2_PIX_FMT_GREY, V4L2_PIX_FMT_YUYV];
  readonly makes: readonly number[];
  readonly opened: ToyConversion[] = [];
  /** pictures that were not released yet */
  out = 0;

  /** @param coded formats that it makes beside those that it reads */
  constructor(coded: readonly number[] = []) {
    this.makes = [...this.reads, ...coded];
  }

  open(from: PictureLayout, to: PictureLayout, _colours: Colorimetry, quality: number, fit: Fit = 'contain'): Conversion {
    const conversion: ToyConversion = { from, to, quality, fit, making: [], closed: false };
    this.opened.push(conversion);
    return {
      convert: (frame) =>
        new Promise((resolve) => conversion.making.push((made = true) => resolve(made ? this.#made(frame, to) : undefined))),
      close: () => {
        if (conversion.closed || conversion.making.length > 0)
          throw new RangeError('a conversion is closed once, when all is made');
        conversion.closed = true;
      },
    };
  }

  /** Makes the oldest picture of a conversion, and lets whoever waits for it go on. */
  async make(conversion: ToyConversion | undefined, made = true): Promise<void> {
    conversion?.making.shift()?.(made);
    for (let i = 0; i < 3; i++) await Promise.resolve();
  }

  #made({ sequence, timestamp, field, planes: [plane] }: Frame, to: PictureLayout): CapturedFrame {
    const value = plane?.kind === 'bytes' ? (plane.bytes[0] ?? 0) : 0;
    this.out += 1;
    let released = false;
    return {
      sequence,
      timestamp,
      field,
      planes: to.sizes.map((size) => ({ kind: 'bytes', bytes: new Uint8Array(size).fill(value) })),
      release: () => {
        if (released) throw new RangeError(`picture ${sequence} was released once too often`);
        released = true;
        this.out -= 1;
      },
    };
  }
}
