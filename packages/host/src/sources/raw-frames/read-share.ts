// SPDX-License-Identifier: Apache-2.0

/** Milliseconds of a period, and how many of them a producer may keep the event loop. */
const PERIOD = 10;
const SHARE = 3;

/**
 * How much of the event loop the bytes of one producer may take. A sensible producer never comes near; one that floods is read more
 * slowly, and waits for it.
 */
export class ReadShare {
  #since = Number.NEGATIVE_INFINITY;
  #used = 0;

  /** The loop was kept from `begun` to `now`, in milliseconds; for how many from now on it is not to be kept again. */
  pause(begun: number, now: number): number {
    if (begun - this.#since >= PERIOD) {
      this.#since = begun;
      this.#used = 0;
    }
    this.#used += now - begun;
    if (this.#used < SHARE) return 0;
    // One read that took long, since the processor was another's, is not held against the producer for longer than a period.
    return Math.min(PERIOD, Math.max(1, (this.#used * PERIOD) / SHARE - (now - this.#since)));
  }
}
