// SPDX-License-Identifier: Apache-2.0
/**
 * Looking at a ring for a moment, in place of going to sleep until the doorbell rings.
 *
 * A driver that asks one small thing after the other (a program that lists formats and controls) sends the next command some ten
 * microseconds after an answer. Most of such a round trip is two processors that fall asleep and are woken up. So whoever sent
 * several commands in quick succession is waited for, awake and without a doorbell; one look in vain, and that driver has to be
 * quick again, twice as often as before. Nobody is waited for while other rings have commands, too: the thread is theirs as well.
 */

/** Commands in quick succession before the next is waited for. */
const QUICK = 8;
/** The most that looks in vain can make of that. */
const MOST = 1024;

/** When a ring is worth a look: one for all the rings that a thread serves. */
export class BusyPolling {
  /** milliseconds that one command is waited for at most */
  readonly limit: number;
  #ring: object | undefined;
  /** when the last wake-up for `#ring` ended */
  #ended = 0;
  /** wake-ups of `#ring` in quick succession */
  #quick = 0;
  #needed = QUICK;

  constructor(limit: number) {
    this.limit = limit;
  }

  /** A wake-up for a ring begins. */
  began(ring: object, now: number): void {
    if (ring !== this.#ring) {
      this.#ring = ring;
      this.#needed = QUICK;
      this.#quick = 0;
    } else if (now - this.#ended <= 2 * this.limit) {
      // Twice the time that is waited: a doorbell takes as long again to wake a processor up.
      this.#quick++;
    } else {
      this.#quick = 0;
    }
  }

  /** True if the next command of the ring whose wake-up began last is to be waited for. */
  get worthwhile(): boolean {
    return this.#quick >= this.#needed;
  }

  /** The wake-up ended; `found` says what came of waiting, if there was any. */
  ended(now: number, found?: boolean): void {
    this.#ended = now;
    if (found === undefined) return;
    this.#needed = found ? QUICK : Math.min(2 * this.#needed, MOST);
    if (!found) this.#quick = 0;
  }
}
