// SPDX-License-Identifier: Apache-2.0
import type { Clock, Fraction } from '@paravideo/core';

/** What a pacer calls at the time of a frame. */
export interface PacerTick {
  /** number of the frame: 0 at the start, with gaps where time had already passed */
  readonly index: number;
  /** microseconds of the clock: when frame `index` is due; start + index x interval, rounded */
  readonly time: number;
}

/**
 * Calls `tick` once per interval of a clock. Frame n is due at start + n x interval, reckoned from the start each time, so
 * that no error adds up. Whoever is late by more than an interval loses the frames in between: there is never a burst.
 */
export class Pacer implements Disposable {
  readonly #clock: Clock;
  readonly #interval: Fraction;
  readonly #start: number;
  readonly #tick: (tick: PacerTick) => void;
  #timer: Disposable | undefined;
  #last = -1;
  #ended = false;

  /** Begins at once: frame 0 is due now, and `tick` is first called in a later turn of the event loop. */
  constructor(clock: Clock, interval: Fraction, tick: (tick: PacerTick) => void) {
    this.#clock = clock;
    this.#interval = interval;
    this.#tick = tick;
    this.#start = clock.now();
    this.#arm(0);
  }

  /** microseconds of the clock at which frame `index` is due */
  due(index: number): number {
    return this.#start + Math.round((index * 1e6 * this.#interval.numerator) / this.#interval.denominator);
  }

  /** The frame whose time it is at `now`. */
  #at(now: number): number {
    const index = Math.floor(((now - this.#start) * this.#interval.denominator) / (1e6 * this.#interval.numerator));
    // `due` rounds to a microsecond: the division may fall on either side of it.
    return this.due(index + 1) <= now ? index + 1 : this.due(index) > now ? index - 1 : index;
  }

  #arm(index: number): void {
    this.#timer = this.#clock.at(this.due(index), () => {
      this.#timer = undefined;
      const current = Math.max(this.#at(this.#clock.now()), this.#last + 1);
      this.#last = current;
      this.#tick({ index: current, time: this.due(current) });
      if (!this.#ended) this.#arm(current + 1);
    });
  }

  /** No `tick` call follows. */
  [Symbol.dispose](): void {
    this.#ended = true;
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
  }
}
