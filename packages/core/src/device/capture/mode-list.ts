// SPDX-License-Identifier: Apache-2.0
/**
 * The list of sizes and rates of a camera, as webcams have it. A source that scales can make any size, but programs expect a
 * list: some know nothing else (Chromium shows no camera whose sizes are a range), and some walk every size of a range.
 *
 * Webcams name their default first and the others from small to large. Some programs take the largest that there is, so the
 * list ends at 1920x1080 and 30 frames a second, or at the default where that is more.
 */

import {
  compareFractions,
  type Fraction,
  hasInterval,
  hasSize,
  type PictureSize,
  type SourceIntervals,
  type SourceSizes,
} from '../../picture/index.ts';
import type { SourceModes } from '../../ports/index.ts';

/** What a list holds. */
export interface ModeListOptions {
  /** the default, first in the list; the source's own unless told */
  readonly size?: PictureSize | undefined;
  /** seconds per frame, the default, first in the list; the source's own unless told */
  readonly interval?: Fraction | undefined;
  /** these sizes and the default, in place of those that suggest themselves; however large */
  readonly sizes?: readonly PictureSize[] | undefined;
  /** these and the default, in place of those that suggest themselves; however short */
  readonly intervals?: readonly Fraction[] | undefined;
}

/** Largest of the sizes that suggest themselves, long side and short side. */
const LONG_SIDE = 1920;
const SHORT_SIDE = 1080;
/** Most frames per second of the rates that suggest themselves. */
const MOST_FPS = 30;
/** Frames per second that suggest themselves, up to the default's. */
const COMMON_FPS = [120, 60, 50, 30, 25, 24, 20, 15, 10, 5] as const;
/** Short sides that suggest themselves for a source with a shape of its own, below its own size. */
const SHORT_SIDES = [2160, 1440, 1080, 720, 540, 360, 240, 180, 120] as const;

/**
 * What `source` can do, as lists. Sizes are those of `o`, or the source's `commonSizes`, or smaller ones of the shape of its
 * `defaultSize`; those that a format cannot have are left out. Of a source that has a list, the whole list stays.
 */
export function listModes(source: SourceModes, o: ModeListOptions = {}): SourceModes {
  const size = o.size ?? source.defaultSize;
  const interval = o.interval ?? source.defaultInterval;
  const offered = o.sizes ?? upTo(size, source.commonSizes ?? sameShape(source.defaultSize));
  const fastest = Math.max(MOST_FPS, frequency(interval));
  const common = COMMON_FPS.filter((fps) => fps <= fastest).map((fps) => ({ numerator: 1, denominator: fps }));
  const paces = o.intervals ?? common;
  return {
    ...source,
    defaultSize: size,
    defaultInterval: interval,
    sizes: (fourcc) => listSizes(source.sizes(fourcc), offered, size),
    intervals: (fourcc, width, height) => listIntervals(source.intervals(fourcc, width, height), paces, interval),
  };
}

function listSizes(own: SourceSizes, offered: readonly PictureSize[], first: PictureSize): SourceSizes {
  const all = own.kind === 'discrete' ? own.sizes : offered.filter((size) => hasSize(own, size));
  const others = all.filter((size) => size.width !== first.width || size.height !== first.height);
  const sorted = others.toSorted((a, b) => a.width * a.height - b.width * b.height || a.width - b.width);
  const unique = sorted.filter((size, i) => size.width !== sorted[i - 1]?.width || size.height !== sorted[i - 1]?.height);
  return { kind: 'discrete', sizes: hasSize(own, first) ? [first, ...unique] : unique };
}

function listIntervals(own: SourceIntervals, offered: readonly Fraction[], first: Fraction): SourceIntervals {
  const all = own.kind === 'discrete' ? own.intervals : offered.filter((interval) => hasInterval(own, interval));
  const sorted = all.toSorted((a, b) => frequency(b) - frequency(a));
  const others = sorted.filter((interval, i) => {
    const before = sorted[i - 1];
    return compareFractions(interval, first) !== 0 && (before === undefined || compareFractions(interval, before) !== 0);
  });
  return { kind: 'discrete', intervals: hasInterval(own, first) ? [first, ...others] : others };
}

/** Those that are no larger than 1920x1080, upright or not, or than `size`. */
function upTo(size: PictureSize, sizes: readonly PictureSize[]): readonly PictureSize[] {
  const long = Math.max(LONG_SIDE, size.width, size.height);
  const short = Math.max(SHORT_SIDE, Math.min(size.width, size.height));
  return sizes.filter(({ width, height }) => Math.max(width, height) <= long && Math.min(width, height) <= short);
}

/** A size, and smaller ones of its shape, with even sides. */
function sameShape(size: PictureSize): readonly PictureSize[] {
  const short = Math.min(size.width, size.height);
  const scaled = (side: number, to: number): number => 2 * Math.round((side * to) / short / 2);
  const smaller = SHORT_SIDES.filter((to) => to < short);
  return [size, ...smaller.map((to) => ({ width: scaled(size.width, to), height: scaled(size.height, to) }))];
}

function frequency({ numerator, denominator }: Fraction): number {
  return denominator / numerator;
}
