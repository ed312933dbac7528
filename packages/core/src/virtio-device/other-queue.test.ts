// SPDX-License-Identifier: Apache-2.0
/** What stands on queues works on one that is no split ring: nothing of how a ring lies in memory is known there. */
import { describe, expect, it } from 'vitest';
import { RegionMemory } from '../memory/region-memory.ts';
import { Chain, ChainSegments } from '../virtqueue/chain.ts';
import type { VirtQueue } from '../virtqueue/virt-queue.ts';
import { CommandLoop } from './command-loop.ts';
import { EventSender } from './event-sender.ts';

const DATA = 0x1_0000_0000;

/** A queue without a ring: chains of 8 writable bytes from a list, and what comes back in another. */
class ListQueue implements VirtQueue {
  readonly running: boolean = true;
  readonly error: undefined;
  readonly #bytes = new Uint8Array(4096);
  readonly #memory = new RegionMemory();
  readonly #offered: Chain[] = [];
  #pushed: number[] = [];
  #ids = 0;
  /** first byte of each chain that the driver got back, batch by batch */
  readonly batches: number[][] = [];
  awake = true;

  constructor() {
    this.#memory.addRegion({ address: DATA, bytes: this.#bytes });
  }

  offer(count: number): void {
    for (let i = 0; i < count; i++) {
      const segments = new ChainSegments();
      segments.add(DATA + 8 * this.#ids, 8);
      this.#offered.push(new Chain(this.#memory, this.#ids++, segments, 0, 8));
    }
  }

  get waiting(): boolean {
    return this.#offered.length > 0;
  }

  pop(): Chain | undefined {
    return this.#offered.shift();
  }

  push(chain: Chain): void {
    chain.retire('returned');
    this.#pushed.push(this.#bytes[8 * chain.head] ?? -1);
  }

  flush(): boolean {
    if (this.#pushed.length > 0) this.batches.push(this.#pushed);
    this.#pushed = [];
    return true;
  }

  enableNotifications(): boolean {
    this.awake = true;
    return this.#offered.length > 0;
  }

  disableNotifications(): void {
    this.awake = false;
  }
}

describe('a queue that is no split ring', () => {
  it('has its commands taken and answered in one batch, and asks for notifications again', () => {
    const queue = new ListQueue();
    let interrupts = 0;
    const loop: CommandLoop = new CommandLoop({
      queue,
      budget: { commands: 100, milliseconds: 2, waitingBytes: 1000 },
      now: () => 0,
      command: (chain) => loop.answer(chain, chain.write(0, Uint8Array.of(10 + chain.head))),
      notify: () => interrupts++,
      begin: () => expect(queue.awake).toBe(true),
      end: () => {},
      again: () => {},
    });
    queue.offer(3);
    expect(loop.run()).toBe(false);
    expect([queue.batches, interrupts, queue.awake]).toEqual([[[10, 11, 12]], 1, true]);
  });

  it('gets events into the buffers that are posted on it, in order', () => {
    const queue = new ListQueue();
    let interrupts = 0;
    const sender = new EventSender(queue, () => interrupts++);
    for (const value of [7, 8, 9]) sender.add({ owner: 0, kind: 0, id: 0 }, Uint8Array.of(value));
    queue.offer(2);
    sender.deliver();
    expect([queue.batches, sender.pending, interrupts]).toEqual([[[7, 8]], 1, 1]);
  });
});
