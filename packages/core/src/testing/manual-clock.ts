// SPDX-License-Identifier: Apache-2.0
import type { Clock } from '../ports/clock.ts';

interface ManualTimer {
  readonly time: number;
  readonly fire: () => void;
}

/** The shipped simple `Clock`: time stands still until `advance` is called. */
export class ManualClock implements Clock {
  #now: number;
  readonly #timers = new Set<ManualTimer>();

  /** Starts at `now` microseconds. */
  constructor(now = 1_000_000) {
    this.#now = now;
  }

  /** timers that wait, for leak checks */
  get pending(): number {
    return this.#timers.size;
  }

  now(): number {
    return this.#now;
  }

  at(time: number, fire: () => void): Disposable {
    const timer: ManualTimer = { time, fire };
    this.#timers.add(timer);
    return { [Symbol.dispose]: () => void this.#timers.delete(timer) };
  }

  /** Lets `micros` microseconds pass; timers fire in order of their time, each at its own `now()`. */
  advance(micros: number): void {
    const end = this.#now + micros;
    for (;;) {
      let next: ManualTimer | undefined;
      for (const timer of this.#timers) if (timer.time <= end && (next === undefined || timer.time < next.time)) next = timer;
      if (next === undefined) break;
      this.#timers.delete(next);
      this.#now = Math.max(this.#now, next.time);
      next.fire();
    }
    this.#now = end;
  }
}
