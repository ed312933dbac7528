// SPDX-License-Identifier: Apache-2.0
/**
 * What one client may have of the event loop, turn by turn: as long as it leaves others as much time as it takes, it never
 * waits. Time left alone is credit, up to what one turn may take; a client that took more rests until it has paid. An event
 * loop that one client keeps busy all the time is one that the system's scheduler takes the processor from, for many
 * milliseconds and in the midst of somebody else's work.
 */
const MAX_DEBT = 8;

/** See the top of the file. */
export class Pace {
  readonly #now: () => number;
  readonly #burst: number;
  #credit: number;
  #since: number;

  /** `now`: milliseconds, rising. `burst`: the most credit, in milliseconds. */
  constructor(now: () => number, burst: number) {
    this.#now = now;
    this.#burst = burst;
    this.#credit = burst;
    this.#since = now();
  }

  /** Milliseconds for which this client should be left alone; 0 if it may have a turn now. */
  get rest(): number {
    this.#earn();
    return Math.max(0, -this.#credit);
  }

  /** Does a turn and charges the time that it took. */
  turn<T>(work: () => T): T {
    this.#earn();
    try {
      return work();
    } finally {
      const end = this.#now();
      // A turn may be long because the system gave the processor to others: nobody pays for that without end.
      this.#credit = Math.max(-MAX_DEBT, this.#credit - (end - this.#since));
      this.#since = end;
    }
  }

  #earn(): void {
    const now = this.#now();
    this.#credit = Math.min(this.#burst, this.#credit + now - this.#since);
    this.#since = now;
  }
}
