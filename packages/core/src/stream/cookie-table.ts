// SPDX-License-Identifier: Apache-2.0
/** How many inputs a stream remembers for pictures that are still to come. */
export const COOKIE_LIMIT = 4096;

/**
 * Cookies of inputs by id, for pictures that come out long after their input went in (reordering). The oldest one is
 * forgotten when there are more than `limit`: the deepest reordering of any codec is 16 pictures, and 4096 inputs for
 * them leave room for a picture cut into 256 buffers.
 */
export class CookieTable<Cookie> {
  readonly #limit: number;
  readonly #cookies = new Map<number, Cookie>();

  constructor(limit: number = COOKIE_LIMIT) {
    this.#limit = limit;
  }

  /** number of cookies remembered */
  get size(): number {
    return this.#cookies.size;
  }

  /** Remembers a cookie; ids rise. */
  set(id: number, cookie: Cookie): void {
    this.#cookies.set(id, cookie);
    if (this.#cookies.size <= this.#limit) return;
    for (const oldest of this.#cookies.keys()) {
      this.#cookies.delete(oldest);
      break;
    }
  }

  /** The cookie of an input, or undefined if it was forgotten. It stays: one input may make several pictures. */
  get(id: number): Cookie | undefined {
    return this.#cookies.get(id);
  }

  /** Forgets all: no picture of the past follows. */
  clear(): void {
    this.#cookies.clear();
  }
}
