// SPDX-License-Identifier: Apache-2.0
/** First-fit allocation of ranges of numbers: guest memory, arenas and windows of the in-heap implementations. */

interface FreeRange {
  start: number;
  length: number;
}

/** Hands out ranges of `[base, base + length)`; knows nothing of bytes. */
export class RangeAllocator {
  readonly #free: FreeRange[];

  constructor(base: number, length: number) {
    this.#free = [{ start: base, length }];
  }

  /** Start of a free range of `length` at a multiple of `align` (a power of two), or undefined if there is none. */
  take(length: number, align: number): number | undefined {
    for (let i = 0; i < this.#free.length; i++) {
      const range = this.#free[i] as FreeRange;
      const start = Math.ceil(range.start / align) * align;
      const before = start - range.start;
      const after = range.length - before - length;
      if (after < 0) continue;
      const rest: FreeRange[] = [];
      if (before > 0) rest.push({ start: range.start, length: before });
      if (after > 0) rest.push({ start: start + length, length: after });
      this.#free.splice(i, 1, ...rest);
      return start;
    }
    return undefined;
  }

  /** Gives back a range that `take` returned. */
  give(start: number, length: number): void {
    let i = this.#free.findIndex((range) => range.start > start);
    if (i < 0) i = this.#free.length;
    this.#free.splice(i, 0, { start, length });
    this.#join(i);
    if (i > 0) this.#join(i - 1);
  }

  #join(i: number): void {
    const here = this.#free[i];
    const next = this.#free[i + 1];
    if (here === undefined || next === undefined || here.start + here.length !== next.start) return;
    here.length += next.length;
    this.#free.splice(i + 1, 1);
  }
}
