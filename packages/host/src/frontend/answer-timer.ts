// SPDX-License-Identifier: Apache-2.0

/** Milliseconds that a back-end has for an answer: more than the 4 s in which a slow device stops its rings. */
export const ANSWER_WITHIN = 30_000;

/** Notices that requests wait and no answer comes. Every answer starts the time afresh. */
export class AnswerTimer {
  readonly #late: () => void;
  #limit: number;
  #timer: NodeJS.Timeout | undefined;

  /** Calls `late` when requests have waited for `limit` milliseconds without an answer. */
  constructor(limit: number, late: () => void) {
    this.#limit = limit;
    this.#late = late;
  }

  /** A request was sent, while `waiting` others had no answer yet. */
  asked(waiting: number): void {
    if (waiting === 0) this.#arm();
  }

  /** An answer came; `waiting` requests are left. The first one shows that somebody is there: the rest may take ANSWER_WITHIN. */
  answered(waiting: number): void {
    this.stop();
    this.#limit = ANSWER_WITHIN;
    if (waiting > 0) this.#arm();
  }

  /** No answer is expected any more. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #arm(): void {
    this.#timer = setTimeout(this.#late, this.#limit);
  }
}
