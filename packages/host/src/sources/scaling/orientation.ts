// SPDX-License-Identifier: Apache-2.0
/** Which way up a frame is to be shown: telephones film as their sensor lies, and write into the file how they were held. */
import type { Av, AvFrame } from '../../av/node-av.ts';

/**
 * The eight ways to lay a picture on its sides. A pixel that is shown at (x, y) is looked for at (x, y) counted from the right if
 * `flipX`, from below if `flipY`, and then, if `transposed`, at column y of row x.
 */
export interface Orientation {
  /** lines become columns: the picture is as wide as the frame is high */
  readonly transposed: boolean;
  readonly flipX: boolean;
  readonly flipY: boolean;
}

export const UPRIGHT: Orientation = { transposed: false, flipX: false, flipY: false };

/** Bytes of a display matrix: nine numbers of 32 bits. */
const MATRIX_BYTES = 36;

/** What the file or the stream says of a frame; what lies askew is shown by the nearest of its sides. */
export function orientationOf(av: Av, frame: AvFrame): Orientation {
  const matrix = frame.getSideData(av.constants.AV_FRAME_DATA_DISPLAYMATRIX);
  return matrix === null || matrix.length < MATRIX_BYTES ? UPRIGHT : matrixOrientation(matrix);
}

/** The orientation of FFmpeg's display matrix: a pixel (p, q) of the frame is shown at (a p + c q, b p + d q). */
export function matrixOrientation(matrix: Buffer): Orientation {
  const [a, b, c, d] = [0, 4, 12, 16].map((at) => matrix.readInt32LE(at)) as [number, number, number, number];
  const transposed = Math.abs(b) + Math.abs(c) > Math.abs(a) + Math.abs(d);
  return transposed ? { transposed, flipX: c < 0, flipY: b < 0 } : { transposed, flipX: a < 0, flipY: d < 0 };
}

/** A plane of one byte for each pixel. */
export interface BytePlane {
  readonly bytes: Uint8Array;
  /** bytes from one line to the next */
  readonly stride: number;
}

/** Side of the squares in which pixels are moved: both what is read and what is written stays in the processor's cache. */
const SQUARE = 32;

/** Writes `from`, turned as it is to be shown, to `to`, of `width` x `height` pixels. */
export function turnPlane(from: BytePlane, to: BytePlane, width: number, height: number, orientation: Orientation): void {
  const { transposed, flipX, flipY } = orientation;
  const across = transposed ? from.stride : 1;
  const down = transposed ? 1 : from.stride;
  const stepX = flipX ? -across : across;
  const stepY = flipY ? -down : down;
  const first = (flipX ? (width - 1) * across : 0) + (flipY ? (height - 1) * down : 0);
  const [source, target] = [from.bytes, to.bytes];
  for (let top = 0; top < height; top += SQUARE) {
    const bottom = Math.min(top + SQUARE, height);
    for (let left = 0; left < width; left += SQUARE) {
      const right = Math.min(left + SQUARE, width);
      for (let y = top; y < bottom; y += 1) {
        let at = first + y * stepY + left * stepX;
        const line = y * to.stride;
        for (let x = left; x < right; x += 1) {
          target[line + x] = source[at] as number;
          at += stepX;
        }
      }
    }
  }
}
