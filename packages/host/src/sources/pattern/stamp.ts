// SPDX-License-Identifier: Apache-2.0
import type { PictureLayout, Rect } from '@paravideo/core';

/** Rows of one colour plane that lie in a rectangle. */
interface StampPart {
  readonly buffer: number;
  /** of the first row in its buffer */
  readonly offset: number;
  readonly stride: number;
  readonly rows: number;
  readonly bytes: number;
  readonly kept: Uint8Array;
}

/** A rectangle of a picture that is painted once and copied into all others of the layout. Its place and its sides are even. */
export class Stamp {
  readonly #parts: readonly StampPart[];

  constructor({ width, height, colours }: PictureLayout, area: Rect) {
    this.#parts = colours.map(({ buffer, offset, stride, rows, lineBytes }) => {
      const [across, down] = [lineBytes / width, rows / height];
      const bytes = area.width * across;
      const high = area.height * down;
      const first = offset + area.top * down * stride + area.left * across;
      return { buffer, offset: first, stride, rows: high, bytes, kept: new Uint8Array(high * bytes) };
    });
  }

  /** Keeps what the picture has there. */
  take(memory: readonly Uint8Array[]): void {
    this.#each(memory, (picture, row) => row.set(picture));
  }

  /** Puts it into another picture. */
  put(memory: readonly Uint8Array[]): void {
    this.#each(memory, (picture, row) => picture.set(row));
  }

  #each(memory: readonly Uint8Array[], copy: (picture: Uint8Array, row: Uint8Array) => void): void {
    for (const { buffer, offset, stride, rows, bytes, kept } of this.#parts) {
      const plane = memory[buffer];
      if (plane === undefined) continue;
      for (let y = 0; y < rows; y++) {
        const at = offset + y * stride;
        copy(plane.subarray(at, at + bytes), kept.subarray(y * bytes, (y + 1) * bytes));
      }
    }
  }
}
