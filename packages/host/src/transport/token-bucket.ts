// SPDX-License-Identifier: Apache-2.0
/** How often something may happen: a burst at once, then so many a second. */
export class TokenBucket {
  readonly #burst: number;
  /** tokens a millisecond */
  readonly #rate: number;
  #level: number;
  #at: number;

  /** `now`, here and below, is milliseconds of a clock that does not go back. */
  constructor(burst: number, perSecond: number, now: number) {
    this.#burst = burst;
    this.#rate = perSecond / 1000;
    this.#level = burst;
    this.#at = now;
  }

  /** Whether there is one left. */
  has(now: number): boolean {
    return this.wait(now) === 0;
  }

  /** Milliseconds until there is one; 0 if there is. */
  wait(now: number): number {
    this.#level = Math.min(this.#burst, this.#level + (now - this.#at) * this.#rate);
    this.#at = now;
    // What is missing by an error of rounding alone is there.
    return this.#level >= 1 - 1e-9 ? 0 : (1 - this.#level) / this.#rate;
  }

  /** Takes one, which must be there. */
  take(): void {
    this.#level -= 1;
  }
}
