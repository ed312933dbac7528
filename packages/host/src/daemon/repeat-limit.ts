// SPDX-License-Identifier: Apache-2.0
/** How often a line may be logged that says the same as others, for one guest: a burst, then one a second. */

/** Lines of one message that are logged at once. */
const BURST = 10;
/** Lines of all messages of one guest that are logged at once. */
const GUEST_BURST = 100;
/** Lines that are logged each second after a burst: of one message, and of one guest. */
const PER_SECOND = 1;
const GUEST_PER_SECOND = 10;
/** Messages that are told apart; later ones share one count. */
const MAX_MESSAGES = 200;
/** What was suppressed is told this often, milliseconds. */
export const SUMMARY_INTERVAL = 10_000;

class TokenBucket {
  readonly #burst: number;
  readonly #rate: number;
  #level: number;
  #at: number;

  constructor(burst: number, perSecond: number, now: number) {
    this.#burst = burst;
    this.#rate = perSecond / 1000;
    this.#level = burst;
    this.#at = now;
  }

  /** Whether there is one left at `now` (milliseconds). */
  has(now: number): boolean {
    this.#level = Math.min(this.#burst, this.#level + (now - this.#at) * this.#rate);
    this.#at = now;
    return this.#level >= 1;
  }

  take(): void {
    this.#level -= 1;
  }
}

interface RepeatedMessage {
  readonly bucket: TokenBucket;
  suppressed: number;
}

/** The lines of one guest. */
export class RepeatLimit {
  readonly #all: TokenBucket;
  #waiting = false;
  readonly #messages = new Map<string, RepeatedMessage>();

  constructor(now: number) {
    this.#all = new TokenBucket(GUEST_BURST, GUEST_PER_SECOND, now);
  }

  /** True while something was suppressed that `suppressed` has not told. */
  get waiting(): boolean {
    return this.#waiting;
  }

  /** Whether a line may be logged at `now` (milliseconds). Lines whose text differs in numbers alone are of one message. */
  admit(text: string, now: number): boolean {
    const key = text.replace(/\b(0x)?[\da-f]*\d[\da-f]*\b/gi, '#');
    const name = this.#messages.has(key) || this.#messages.size < MAX_MESSAGES ? key : 'other messages';
    let message = this.#messages.get(name);
    if (message === undefined) {
      message = { bucket: new TokenBucket(BURST, PER_SECOND, now), suppressed: 0 };
      this.#messages.set(name, message);
    }
    if (message.bucket.has(now) && this.#all.has(now)) {
      message.bucket.take();
      this.#all.take();
      return true;
    }
    message.suppressed += 1;
    this.#waiting = true;
    return false;
  }

  /** What was suppressed since the last call, by message with numbers as `#`. */
  suppressed(): { readonly text: string; readonly count: number }[] {
    this.#waiting = false;
    const counts: { text: string; count: number }[] = [];
    for (const [text, message] of this.#messages) {
      if (message.suppressed > 0) counts.push({ text, count: message.suppressed });
      message.suppressed = 0;
    }
    return counts;
  }
}
