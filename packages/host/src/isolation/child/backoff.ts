// SPDX-License-Identifier: Apache-2.0
/** How long to wait before a process that died is started again: at once the first time, then longer and longer. */
export class Backoff {
  readonly #first: number;
  readonly #longest: number;
  readonly #forgetAfter: number;
  #failures = 0;
  #startedAt = 0;

  /** Milliseconds: the second wait, the longest, and how long a process must live for its predecessors to be forgotten. */
  constructor(o: { readonly first?: number; readonly longest?: number; readonly forgetAfter?: number } = {}) {
    this.#first = o.first ?? 100;
    this.#longest = o.longest ?? 5000;
    this.#forgetAfter = o.forgetAfter ?? 10_000;
  }

  /** A process was started at `now` (milliseconds). */
  started(now: number): void {
    this.#startedAt = now;
  }

  /** A process died at `now`; answers how many milliseconds to wait before the next start. */
  died(now: number): number {
    if (now - this.#startedAt >= this.#forgetAfter) this.#failures = 0;
    const wait = this.#failures === 0 ? 0 : Math.min(this.#longest, this.#first * 2 ** (this.#failures - 1));
    this.#failures += 1;
    return wait;
  }
}
