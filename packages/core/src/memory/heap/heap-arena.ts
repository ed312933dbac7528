// SPDX-License-Identifier: Apache-2.0
import { roundUp } from '../../base/index.ts';
import { ARENA_ALIGN, type ArenaBlock, type HostBuffers } from '../../ports/host-buffers.ts';
import { RangeAllocator } from '../range-allocator.ts';

/** The shipped simple `HostBuffers`: an arena that is one ArrayBuffer of this heap. */
export class HeapArena implements HostBuffers {
  /** the whole arena; blocks are ranges of it */
  readonly bytes: Uint8Array;
  readonly #ranges: RangeAllocator;
  readonly #live = new Map<number, ArenaBlock>();
  #allocated = 0;

  /** `size` in bytes, rounded up to ARENA_ALIGN. */
  constructor(size = 64 << 20) {
    this.bytes = new Uint8Array(roundUp(size, ARENA_ALIGN));
    this.#ranges = new RangeAllocator(0, this.bytes.length, ARENA_ALIGN);
  }

  get allocated(): number {
    return this.#allocated;
  }

  /** number of live blocks, for leak checks */
  get blocks(): number {
    return this.#live.size;
  }

  settled(): undefined {}

  allocate(length: number): ArenaBlock | undefined {
    const offset = this.#ranges.take(length);
    if (offset === undefined) return undefined;
    const rounded = this.#ranges.rounded(length);
    this.#allocated += rounded;
    let references = 1;
    const block: ArenaBlock = {
      offset,
      length,
      retain: () => {
        if (references === 0) throw new RangeError(`arena block at ${offset} was retained after its last release`);
        references += 1;
      },
      release: () => {
        if (references === 0) throw new RangeError(`arena block at ${offset} was released once too often`);
        references -= 1;
        if (references > 0) return;
        this.bytes.fill(0, offset, offset + rounded);
        this.#allocated -= rounded;
        this.#live.delete(offset);
        this.#ranges.give(offset, rounded);
      },
    };
    this.#live.set(offset, block);
    return block;
  }
}
