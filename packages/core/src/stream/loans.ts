// SPDX-License-Identifier: Apache-2.0
import type { StreamQueueState } from './stream-events.ts';

/**
 * One queue of a stream. Each item waits, is lent to the codec under a number, and leaves once: through `take` or `back`, or with
 * many others through `empty`, `dropWaiting` or `dropLent`.
 *
 *   waiting --take, lend--> lent --back--> gone;   lent --takeBack--> waiting --take--> gone
 *
 * The queue itself is off, on or stopping; that is for its owner to act on.
 */
export class Loans<Item> {
  state: StreamQueueState = 'off';
  #waiting: Item[] = [];
  readonly #lent = new Map<number, Item>();
  #nextId = 0;

  /** items that wait */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** items that the codec has */
  get lent(): number {
    return this.#lent.size;
  }

  /** Queues an item, in any state of the queue. */
  add(item: Item): void {
    this.#waiting.push(item);
  }

  /** The item that waited longest, which leaves the queue unless it is lent or put back. */
  take(): Item | undefined {
    return this.#waiting.shift();
  }

  /** Puts an item that was taken, or came back, before all others. */
  putBack(item: Item): void {
    this.#waiting.unshift(item);
  }

  /** Lends an item that was taken, under a number that no other had. */
  lend(item: Item): number {
    const id = this.#nextId++;
    this.#lent.set(id, item);
    return id;
  }

  /** The item that was lent under a number, which leaves the queue; undefined if it did before. */
  back(id: number): Item | undefined {
    const item = this.#lent.get(id);
    this.#lent.delete(id);
    return item;
  }

  /** What is lent waits again, in its order, before what was queued since. The codec must not touch it any more. */
  takeBack(): void {
    if (this.#lent.size === 0) return;
    this.#waiting.unshift(...this.#lent.values());
    this.#lent.clear();
  }

  /** Forgets what waits. */
  dropWaiting(): void {
    this.#waiting = [];
  }

  /** Forgets what is lent. */
  dropLent(): void {
    this.#lent.clear();
  }

  /** Everything queued, oldest first; nothing is queued any more. */
  empty(): readonly Item[] {
    const items = [...this.#lent.values(), ...this.#waiting];
    this.#lent.clear();
    this.#waiting = [];
    return items;
  }
}
