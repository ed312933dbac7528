// SPDX-License-Identifier: Apache-2.0
/** Sizes of pictures, and the nearest to what was asked. */
import { roundToStep } from '../base/index.ts';

/** Width and height in pixels. */
export interface PictureSize {
  readonly width: number;
  readonly height: number;
}

/** A rectangle in pixels. */
export interface Rect {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** From `min` to `max` in steps. `step` 0 or min = max: one value. */
export interface SizeRange {
  readonly minWidth: number;
  readonly maxWidth: number;
  readonly stepWidth: number;
  readonly minHeight: number;
  readonly maxHeight: number;
  readonly stepHeight: number;
}

/** Sizes of one format: a list in the order in which programs shall see it, or a range. */
export type SourceSizes =
  | { readonly kind: 'discrete'; readonly sizes: readonly PictureSize[] }
  | { readonly kind: 'stepwise'; readonly range: SizeRange };

/** True if the size is one of `sizes`. */
export function hasSize(sizes: SourceSizes, size: PictureSize): boolean {
  const near = nearestSize(sizes, size);
  return near.width === size.width && near.height === size.height;
}

/** The size nearest to `asked`: least sum of differences from a list, clamped and rounded to the step in a range. */
export function nearestSize(sizes: SourceSizes, asked: PictureSize): PictureSize {
  if (sizes.kind === 'stepwise') return nearestInRange(sizes.range, asked);
  let best: PictureSize = asked;
  let least = Number.POSITIVE_INFINITY;
  for (const size of sizes.sizes) {
    const distance = Math.abs(size.width - asked.width) + Math.abs(size.height - asked.height);
    if (distance >= least) continue;
    best = size;
    least = distance;
  }
  return best;
}

/** `asked` clamped into the range and rounded to its steps. */
export function nearestInRange(range: SizeRange, asked: PictureSize): PictureSize {
  return {
    width: roundToStep(asked.width, range.minWidth, range.maxWidth, range.stepWidth),
    height: roundToStep(asked.height, range.minHeight, range.maxHeight, range.stepHeight),
  };
}
