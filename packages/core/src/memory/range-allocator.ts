// SPDX-License-Identifier: Apache-2.0
import { roundUp } from '../base/index.ts';

interface FreeRange {
  start: number;
  length: number;
}

/**
 * Which ranges of `[base, base + length)` are free: guest memory, arenas, windows. It knows nothing of bytes. First fit; what comes
 * back joins its neighbours. A request looks at the gaps from the lowest on, a return finds its place by bisection.
 */
export class RangeAllocator {
  readonly #unit: number;
  /** by start; never empty, never touching */
  readonly #gaps: FreeRange[];

  /** All starts and lengths are multiples of `unit`, as `base` must be; a rest at the end stays unused. */
  constructor(base: number, length: number, unit = 1) {
    this.#unit = unit;
    const whole = Math.floor(length / unit) * unit;
    this.#gaps = whole > 0 ? [{ start: base, length: whole }] : [];
  }

  /** What a request of `length` takes. */
  rounded(length: number): number {
    return roundUp(length, this.#unit);
  }

  /**
   * Start of a range that holds `length`, at a multiple of `align` (of the unit, if that is more); undefined if no gap is large
   * enough, or `length` is not positive. One of the two must be a multiple of the other.
   */
  take(length: number, align: number = this.#unit): number | undefined {
    if (!(length > 0)) return undefined;
    const size = this.rounded(length);
    const step = Math.max(align, this.#unit);
    for (const [at, gap] of this.#gaps.entries()) {
      const start = roundUp(gap.start, step);
      if (start + size <= gap.start + gap.length) {
        this.#cut(at, gap, start, size);
        return start;
      }
    }
    return undefined;
  }

  /** Takes the first of what is free, at most `most`; undefined if there is nothing. */
  takeFirst(most: number): { readonly start: number; readonly length: number } | undefined {
    const [gap] = this.#gaps;
    if (gap === undefined) return undefined;
    const { start } = gap;
    const length = Math.min(gap.length, Math.floor(most / this.#unit) * this.#unit);
    if (!(length > 0)) return undefined;
    this.#cut(0, gap, start, length);
    return { start, length };
  }

  /** Gives a range back, as `take(length)` returned it. */
  give(start: number, length: number): void {
    const size = this.rounded(length);
    const at = this.#firstAbove(start);
    const before = this.#gaps[at - 1];
    const after = this.#gaps[at];
    const joinsBefore = before !== undefined && before.start + before.length === start;
    const joinsAfter = after !== undefined && start + size === after.start;
    if (joinsBefore && joinsAfter) {
      before.length += size + after.length;
      this.#gaps.splice(at, 1);
    } else if (joinsBefore) {
      before.length += size;
    } else if (joinsAfter) {
      after.start = start;
      after.length += size;
    } else {
      this.#gaps.splice(at, 0, { start, length: size });
    }
  }

  #cut(at: number, gap: FreeRange, start: number, size: number): void {
    const end = gap.start + gap.length;
    const after = { start: start + size, length: end - start - size };
    gap.length = start - gap.start;
    if (gap.length === 0 && after.length === 0) this.#gaps.splice(at, 1);
    else if (gap.length === 0) Object.assign(gap, after);
    else if (after.length > 0) this.#gaps.splice(at + 1, 0, after);
  }

  #firstAbove(start: number): number {
    let low = 0;
    let high = this.#gaps.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#gaps[middle] as FreeRange).start > start) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}
