// SPDX-License-Identifier: Apache-2.0
import type { ArenaBlock, HostBuffers } from '@paravideo/core';

/** Most blocks kept for the next use. */
const MAX_SPARE = 64;

/**
 * Blocks of the arena between guest RAM, which the codec process never sees, and the codec process. They are used again,
 * because a fresh one is zeroed page by page.
 */
export class Staging {
  readonly #buffers: HostBuffers;
  #spare: ArenaBlock[] = [];

  constructor(buffers: HostBuffers) {
    this.#buffers = buffers;
  }

  /** A block of at least `length` bytes, not zeroed; undefined if the arena is full. */
  take(length: number): ArenaBlock | undefined {
    // A much larger one is for somebody else.
    const index = this.#spare.findIndex((block) => block.length >= length && block.length <= 2 * length + 65536);
    if (index >= 0) return this.#spare.splice(index, 1)[0];
    return this.#buffers.allocate(Math.max(1, length));
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
      if (this.#spare.length < MAX_SPARE) this.#spare.push(block);
      else block.release();
    }
  }

  /** Gives back to the arena what is not in use. */
  trim(): void {
    const spare = this.#spare;
    this.#spare = [];
    for (const block of spare) block.release();
  }
}
