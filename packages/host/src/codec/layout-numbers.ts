// SPDX-License-Identifier: Apache-2.0
/** A layout as the numbers of an `output` message. */
import type { ColourPlane, PictureLayout } from '@paravideo/core';

/** The list of the message: how many buffers, the size of each; then per colour plane its buffer, offset, stride, rows and bytes of a line. */
export function layoutNumbers({ colours, sizes }: PictureLayout): number[] {
  const planes = colours.flatMap(({ buffer, offset, stride, rows, lineBytes }) => [buffer, offset, stride, rows, lineBytes]);
  return [sizes.length, ...sizes, ...planes];
}

/** The layout of such a list, with what the message says of the picture. */
export function readLayout(
  { fourcc, width, height }: { readonly fourcc: number; readonly width: number; readonly height: number },
  list: readonly number[],
): PictureLayout {
  const first = 1 + (list[0] ?? 0);
  const colours: ColourPlane[] = [];
  for (let i = first; i + 4 < list.length; i += 5) {
    const [buffer = 0, offset = 0, stride = 0, rows = 0, lineBytes = 0] = list.slice(i, i + 5);
    colours.push({ buffer, offset, stride, rows, lineBytes });
  }
  return { fourcc, width, height, colours, sizes: list.slice(1, first) };
}
