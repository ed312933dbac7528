// SPDX-License-Identifier: Apache-2.0
import type { PNG } from 'pngjs';

/** Pixels of a colour that make it count. */
const ENOUGH = 400;
const STRONG = 96;

/** Number of strong colours, each channel cut to two bits, that cover some of a picture: what windows and menus have none of. */
export function strongColours({ data }: PNG): number {
  const pixels = new Map<number, number>();
  for (let i = 0; i < data.length; i += 4) {
    const [red = 0, green = 0, blue = 0] = data.subarray(i, i + 3);
    if (Math.max(red, green, blue) - Math.min(red, green, blue) < STRONG) continue;
    const colour = ((red >> 6) << 4) | ((green >> 6) << 2) | (blue >> 6);
    pixels.set(colour, (pixels.get(colour) ?? 0) + 1);
  }
  return [...pixels.values()].filter((count) => count >= ENOUGH).length;
}

/** Number of pixels that differ, by more than a lossy format may make them; all of them between pictures of two sizes. */
export function changedPixels(one: PNG, other: PNG): number {
  if (one.width !== other.width || one.height !== other.height) return other.width * other.height;
  let changed = 0;
  for (let i = 0; i < one.data.length; i += 4) {
    for (let channel = 0; channel < 3; channel++) {
      if (Math.abs((one.data[i + channel] ?? 0) - (other.data[i + channel] ?? 0)) <= 40) continue;
      changed++;
      break;
    }
  }
  return changed;
}
