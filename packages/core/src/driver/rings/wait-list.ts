// SPDX-License-Identifier: Apache-2.0
/** Things that come and people who wait for them, in order: dequeued buffers, V4L2 events. */
export class WaitList<T> {
  readonly #items: T[] = [];
  readonly #waiters: { resolve: (item: T) => void; reject: (error: Error) => void }[] = [];

  /** things that nobody took yet */
  get length(): number {
    return this.#items.length;
  }

  /** people who wait */
  get waiting(): number {
    return this.#waiters.length;
  }

  /** Something came: for the first who waits, else it is kept. */
  put(item: T): void {
    const waiter = this.#waiters.shift();
    if (waiter === undefined) this.#items.push(item);
    else waiter.resolve(item);
  }

  /** The oldest thing, if there is one. */
  take(): T | undefined {
    return this.#items.shift();
  }

  /** The oldest thing, or the next that comes. */
  wait(): Promise<T> {
    const item = this.#items.shift();
    if (item !== undefined) return Promise.resolve(item);
    return new Promise((resolve, reject) => this.#waiters.push({ resolve, reject }));
  }

  /** Forgets what is kept. */
  clear(): void {
    this.#items.length = 0;
  }

  /** Rejects the promise of everybody who waits. */
  fail(error: Error): void {
    for (const waiter of this.#waiters.splice(0)) waiter.reject(error);
  }
}
