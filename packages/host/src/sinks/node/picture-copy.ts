// SPDX-License-Identifier: Apache-2.0
import type { PictureLayout } from '@paravideo/core';

/**
 * Copies a picture into memory where it lies in another way: lines may be longer there, planes elsewhere. Of one that is short, the rest is
 * as it was.
 * @param planes its memory planes, in the layout `from`
 * @param target memory planes of the layout `to`, which is of the same format and size
 */
export function copyPicture(
  from: PictureLayout,
  planes: readonly Uint8Array[],
  to: PictureLayout,
  target: readonly Uint8Array[],
): void {
  for (const [i, at] of to.colours.entries()) {
    const own = from.colours[i];
    const source = own && planes[own.buffer];
    const into = target[at.buffer];
    if (own === undefined || source === undefined || into === undefined) continue;
    if (own.stride === at.stride) {
      // All lines at once, the padding of the last one left out.
      const bytes = own.stride * (own.rows - 1) + own.lineBytes;
      into.set(source.subarray(own.offset, own.offset + bytes), at.offset);
      continue;
    }
    const bytes = Math.min(own.lineBytes, at.lineBytes);
    for (let row = 0; row < Math.min(own.rows, at.rows); row++) {
      const start = own.offset + row * own.stride;
      into.set(source.subarray(start, start + bytes), at.offset + row * at.stride);
    }
  }
}
