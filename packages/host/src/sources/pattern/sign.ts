// SPDX-License-Identifier: Apache-2.0
/** A sign in the middle of a picture: lines of text that stay, the first of them twice as large as the others. */
import { GLYPH_HEIGHT, GLYPH_WIDTH } from './font.ts';
import { PAPER, paintText, type Sprite } from './overlay.ts';

/** dots between lines, and from the text to the edge of the sign */
const GAP = 4;
const PADDING = 6;

/** Its place and sides are even, so that it can be copied. */
const even = (value: number): number => 2 * Math.floor(value / 2);

/** Dots of a line of text, which ends with its last character. */
function lineWidth(text: string): number {
  return Math.max(0, text.length * (GLYPH_WIDTH + 1) - 1);
}

/** The sign in a picture of this size, as large as three quarters of it allow; text that has no room is cut off. */
export function signSprite(width: number, height: number, lines: readonly string[]): Sprite {
  const texts = lines.map((text, i) => ({ text, times: i === 0 ? 2 : 1 }));
  const dotsWide = Math.max(...texts.map(({ text, times }) => lineWidth(text) * times)) + 2 * PADDING;
  const dotsHigh = texts.reduce((sum, { times }) => sum + GLYPH_HEIGHT * times + GAP, 2 * PADDING - GAP);
  const scale = Math.max(1, Math.floor(Math.min((0.75 * width) / dotsWide, (0.75 * height) / dotsHigh)));
  const box = { width: Math.min(width, even(dotsWide * scale)), height: Math.min(height, even(dotsHigh * scale)) };
  const left = even((width - box.width) >> 1);
  const top = even((height - box.height) >> 1);
  let below = PADDING * scale;
  const rows = texts.map(({ text, times }) => {
    const dot = scale * times;
    const from = below;
    below += (GLYPH_HEIGHT * times + GAP) * scale;
    return { text, dot, from, left: Math.max(left, left + ((box.width - lineWidth(text) * dot) >> 1)) };
  });
  return {
    ...box,
    left,
    top,
    paint(y, row) {
      row.fill(PAPER, left, left + box.width);
      const line = rows.find(({ from, dot }) => y - top >= from && y - top < from + GLYPH_HEIGHT * dot);
      if (line === undefined) return;
      const glyphY = Math.floor((y - top - line.from) / line.dot);
      paintText(row.subarray(0, left + box.width), line.text, glyphY, line.left, line.dot);
    },
  };
}
