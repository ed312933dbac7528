// SPDX-License-Identifier: Apache-2.0
import type { GuestMemory } from '../../memory/guest-memory.ts';
import { QueueError } from '../../virtqueue/queue-error.ts';
import type { RingFeatures, RingLayout } from '../../virtqueue/ring-layout.ts';
import type { TransportQueue } from '../../virtqueue/virt-queue.ts';

/**
 * One ring of a function, between the driver that starts it and the memory that it lies in.
 *
 *     stopped --started--> running <--its memory goes, comes back; held, let go--> absent
 *        ^--------------------reset---/--------------------------------------------/
 */
export class PciRing {
  readonly queue: TransportQueue;
  readonly #memory: GuestMemory;
  #layout: RingLayout | undefined;
  #state: 'stopped' | 'running' | 'absent' = 'stopped';
  /** where a ring that is held goes on */
  #held: number | undefined;

  constructor(queue: TransportQueue, memory: GuestMemory) {
    this.queue = queue;
    this.#memory = memory;
  }

  /** True if the ring can be looked at now. */
  get running(): boolean {
    return this.#state === 'running';
  }

  /** Why the ring is broken; undefined also while it only waits for its memory. */
  get error(): QueueError | undefined {
    const { error } = this.queue;
    return this.#state === 'stopped' || error?.code === 'ring-gone' ? undefined : error;
  }

  /** Starts the ring as a fresh one; what is wrong with it, if anything. */
  start(layout: RingLayout, features: RingFeatures): QueueError | undefined {
    this.queue.negotiate(features);
    return this.#begin(layout);
  }

  /** Stops it. */
  stop(): void {
    if (this.queue.running) this.queue.stop();
    this.#state = 'stopped';
    this.#layout = undefined;
    this.#held = undefined;
  }

  /** Lets go of its memory for a time; what the device holds of it must have been answered. */
  hold(): void {
    if (this.#state === 'stopped' || this.#held !== undefined) return;
    this.#held = this.queue.stop();
    this.#state = 'absent';
  }

  /** Goes on where `hold` left it. True if it can be looked at again. */
  letGo(): boolean {
    const next = this.#held;
    this.#held = undefined;
    if (next === undefined || this.#layout === undefined) return false;
    return this.#begin(this.#layout, next) === undefined;
  }

  /** After a change of the guest's memory: clients take memory away and give it back in other pieces. True if it is there again. */
  memoryChanged(): boolean {
    const layout = this.#layout;
    if (this.#state === 'stopped' || layout === undefined || this.#held !== undefined) return false;
    const bytes = this.queue.areas(layout.size);
    const there =
      this.#memory.covers(layout.descriptors, bytes.descriptors) &&
      this.#memory.covers(layout.available, bytes.available) &&
      this.#memory.covers(layout.used, bytes.used);
    if (!there) {
      this.#state = 'absent';
      return false;
    }
    if (this.queue.error?.code === 'ring-gone' && this.#begin(layout, this.queue.stop()) !== undefined) return false;
    const back = this.#state === 'absent';
    this.#state = 'running';
    return back;
  }

  #begin(layout: RingLayout, next?: number): QueueError | undefined {
    try {
      this.queue.start(layout, next);
    } catch (error) {
      if (error instanceof QueueError) return error;
      throw error;
    }
    this.#layout = layout;
    this.#state = 'running';
    return undefined;
  }
}
