// SPDX-License-Identifier: Apache-2.0
/** What stands in the corner of a test picture as long as there are such pictures: lines of text that stay. */
import { GLYPH_HEIGHT, GLYPH_WIDTH } from './font.ts';
import { LINE_PITCH, PAPER, paintText, type Sprite } from './overlay.ts';

const even = (value: number): number => 2 * Math.ceil(value / 2);

/** Lines in the lower left corner. It covers what is behind it, and its sides and place are even, so that it can be copied. */
export function captionSprite(width: number, height: number, lines: readonly string[]): Sprite {
  const scale = Math.max(1, Math.min(Math.floor(width / 320), Math.floor(height / 180)));
  const padding = 2 * scale;
  const longest = Math.max(0, ...lines.map(({ length }) => length));
  const wide = longest * (GLYPH_WIDTH + 1) * scale - scale + 2 * padding;
  const high = ((lines.length - 1) * LINE_PITCH + GLYPH_HEIGHT) * scale + 2 * padding;
  const left = 4 * scale;
  const box = { width: Math.min(even(wide), width - left), height: Math.min(even(high), height) };
  const top = Math.max(0, height - box.height - 4 * scale);
  return {
    ...box,
    left,
    top,
    paint(y, row) {
      const inside = row.subarray(0, left + box.width);
      inside.fill(PAPER, left);
      const dotRow = Math.floor((y - top - padding) / scale);
      const line = lines[Math.floor(dotRow / LINE_PITCH)];
      if (dotRow >= 0 && line !== undefined) paintText(inside, line, dotRow % LINE_PITCH, left + padding, scale);
    },
  };
}
