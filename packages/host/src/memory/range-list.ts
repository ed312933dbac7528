// SPDX-License-Identifier: Apache-2.0
/**
 * Which ranges of `[0, length)` are free: a sorted list of gaps, first fit, neighbours joined when a range comes back.
 * All numbers are multiples of `unit`. Lists are short: a guest has tens of buffers.
 */
export class RangeList {
  readonly #unit: number;
  /** by start; never empty, never touching */
  readonly #gaps: { start: number; length: number }[];

  constructor(length: number, unit: number) {
    this.#unit = unit;
    const whole = Math.floor(length / unit) * unit;
    this.#gaps = whole > 0 ? [{ start: 0, length: whole }] : [];
  }

  /** Bytes that a request of `length` takes. */
  rounded(length: number): number {
    return Math.ceil(length / this.#unit) * this.#unit;
  }

  /** Start of a range that holds `length` bytes, or undefined if no gap is large enough or `length` is not positive. */
  take(length: number): number | undefined {
    if (!(length > 0)) return undefined;
    const size = this.rounded(length);
    const at = this.#gaps.findIndex((gap) => gap.length >= size);
    const gap = this.#gaps[at];
    if (gap === undefined) return undefined;
    const start = gap.start;
    gap.start += size;
    gap.length -= size;
    if (gap.length === 0) this.#gaps.splice(at, 1);
    return start;
  }

  /** Gives a range back, as `take(length)` returned it. */
  give(start: number, length: number): void {
    const size = this.rounded(length);
    let at = this.#gaps.findIndex((gap) => gap.start > start);
    if (at < 0) at = this.#gaps.length;
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

  /** Takes the first bytes of the first range, at most `most`; undefined if there is no range. */
  takeFirst(most: number): { start: number; length: number } | undefined {
    const [gap] = this.#gaps;
    if (gap === undefined) return undefined;
    const length = Math.min(gap.length, Math.floor(most / this.#unit) * this.#unit);
    const start = this.take(length);
    return start === undefined ? undefined : { start, length };
  }

  /** Number of gaps: 1 when nothing is taken. */
  get gaps(): number {
    return this.#gaps.length;
  }
}
