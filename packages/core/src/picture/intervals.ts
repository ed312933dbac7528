// SPDX-License-Identifier: Apache-2.0
/** Intervals between frames, and the nearest to what was asked. */

/** A fraction; intervals are in seconds. */
export interface Fraction {
  readonly numerator: number;
  readonly denominator: number;
}

/** Frame intervals of one format and size: a list in the order in which programs shall see it, or every interval from `min` to `max`. */
export type SourceIntervals =
  | { readonly kind: 'discrete'; readonly intervals: readonly Fraction[] }
  | { readonly kind: 'continuous'; readonly min: Fraction; readonly max: Fraction };

/** Below 0 if `a` is the smaller one, 0 if they are equal. */
export function compareFractions(a: Fraction, b: Fraction): number {
  return a.numerator * b.denominator - b.numerator * a.denominator;
}

/** True if the interval is one of `intervals`. */
export function hasInterval(intervals: SourceIntervals, interval: Fraction): boolean {
  if (intervals.kind === 'continuous')
    return compareFractions(intervals.min, interval) <= 0 && compareFractions(interval, intervals.max) <= 0;
  return intervals.intervals.some((known) => compareFractions(known, interval) === 0);
}

/** The interval nearest to `asked`. */
export function nearestInterval(intervals: SourceIntervals, asked: Fraction): Fraction {
  const seconds = asked.numerator / asked.denominator;
  if (intervals.kind === 'continuous') {
    if (seconds <= intervals.min.numerator / intervals.min.denominator) return intervals.min;
    if (seconds >= intervals.max.numerator / intervals.max.denominator) return intervals.max;
    return asked;
  }
  let best = intervals.intervals[0] ?? asked;
  for (const interval of intervals.intervals) {
    const distance = Math.abs(interval.numerator / interval.denominator - seconds);
    if (distance < Math.abs(best.numerator / best.denominator - seconds)) best = interval;
  }
  return best;
}

/** Seconds per frame as a fraction: 29.97 becomes 1001/30000, as broadcast has it. */
export function intervalOf(fps: number): Fraction {
  const ntsc = Math.round(fps * 1.001);
  if (Math.abs((ntsc * 1000) / 1001 - fps) < 0.001 && !Number.isInteger(fps))
    return { numerator: 1001, denominator: ntsc * 1000 };
  return Number.isInteger(fps) ? { numerator: 1, denominator: fps } : { numerator: 1000, denominator: Math.round(fps * 1000) };
}
