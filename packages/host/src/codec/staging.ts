// SPDX-License-Identifier: Apache-2.0
import type { ArenaBlock, HostBuffers } from '@paravideo/core';

/** Most blocks kept for the next use. */
const MAX_SPARE = 64;

/**
 * Blocks of the arena between guest RAM, which the codec process never sees, and the codec process. They are used again,
 * because a fresh one is zeroed page by page; but by their own stream alone, since what they hold may be another program's.
 *
 * open --close--> closed: what comes back then goes to the arena.
 */
export class Staging {
  readonly #buffers: HostBuffers;
  readonly #makeRoom: () => void;
  #spare: ArenaBlock[] = [];
  #state: 'open' | 'closed' = 'open';

  /** For one stream. `makeRoom` is called when the arena is full: let other streams give back what they do not use. */
  constructor(buffers: HostBuffers, makeRoom: () => void = () => {}) {
    this.#buffers = buffers;
    this.#makeRoom = makeRoom;
  }

  /** A block of at least `length` bytes, zeroed or with old bytes of this stream; undefined if the arena is full. */
  take(length: number): ArenaBlock | undefined {
    // A block more than about twice as large is kept for a larger request.
    const index = this.#spare.findIndex((block) => block.length >= length && block.length <= 2 * length + 65536);
    if (index >= 0) return this.#spare.splice(index, 1)[0];
    const wanted = Math.max(1, length);
    const block = this.#buffers.allocate(wanted);
    if (block !== undefined) return block;
    this.trim();
    this.#makeRoom();
    return this.#buffers.allocate(wanted);
  }

  /** One block for each length, or none at all. */
  takeAll(lengths: readonly number[]): ArenaBlock[] | undefined {
    const blocks: ArenaBlock[] = [];
    for (const length of lengths) {
      const block = this.take(length);
      if (block === undefined) {
        this.give(blocks);
        return undefined;
      }
      blocks.push(block);
    }
    return blocks;
  }

  /** Nothing reads or writes the blocks any more. */
  give(blocks: readonly ArenaBlock[]): void {
    for (const block of blocks) {
      if (this.#state === 'open' && this.#spare.length < MAX_SPARE) this.#spare.push(block);
      else block.release();
    }
  }

  /** Gives back to the arena what is not in use. */
  trim(): void {
    const spare = this.#spare;
    this.#spare = [];
    for (const block of spare) block.release();
  }

  /** Ends the staging with its stream. */
  close(): void {
    this.#state = 'closed';
    this.trim();
  }
}
