// SPDX-License-Identifier: Apache-2.0
import type { RgbaImage } from './rgb.ts';

/** Ten digits of 5 x 7 dots, a row a number, the leftmost dot in bit 4. */
const DIGITS: readonly (readonly number[])[] = [
  [0x0e, 0x11, 0x13, 0x15, 0x19, 0x11, 0x0e],
  [0x04, 0x0c, 0x04, 0x04, 0x04, 0x04, 0x0e],
  [0x0e, 0x11, 0x01, 0x02, 0x04, 0x08, 0x1f],
  [0x1f, 0x02, 0x04, 0x02, 0x01, 0x11, 0x0e],
  [0x02, 0x06, 0x0a, 0x12, 0x1f, 0x02, 0x02],
  [0x1f, 0x10, 0x1e, 0x01, 0x01, 0x11, 0x0e],
  [0x06, 0x08, 0x10, 0x1e, 0x11, 0x11, 0x0e],
  [0x1f, 0x01, 0x02, 0x04, 0x08, 0x08, 0x08],
  [0x0e, 0x11, 0x11, 0x0e, 0x11, 0x11, 0x0e],
  [0x0e, 0x11, 0x11, 0x0f, 0x01, 0x02, 0x0c],
];

/** Draws a whole number in white, `dot` pixels a dot. What lies outside the image is cut off. */
export function drawNumber(image: RgbaImage, value: number, left: number, top: number, dot: number): void {
  [...String(value)].forEach((digit, position) => {
    DIGITS[Number(digit)]?.forEach((bits, row) => {
      for (let column = 0; column < 5; column++) {
        if (bits & (0x10 >> column)) fill(image, left + (position * 6 + column) * dot, top + row * dot, dot);
      }
    });
  });
}

function fill(image: RgbaImage, left: number, top: number, side: number): void {
  for (let y = top; y < Math.min(top + side, image.height); y++) {
    for (let x = left; x < Math.min(left + side, image.width); x++) {
      image.bytes.set([235, 235, 235, 255], (y * image.width + x) * 4);
    }
  }
}
