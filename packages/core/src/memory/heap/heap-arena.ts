// SPDX-License-Identifier: Apache-2.0
import { ARENA_ALIGN, type ArenaBlock, type HostBuffers } from '../../ports/host-buffers.ts';
import { RangeAllocator } from './range-allocator.ts';

const round = (length: number): number => Math.ceil(length / ARENA_ALIGN) * ARENA_ALIGN;

/** The shipped simple `HostBuffers`: an arena that is one ArrayBuffer of this heap. */
export class HeapArena implements HostBuffers {
  /** the whole arena; blocks are ranges of it */
  readonly bytes: Uint8Array;
  readonly #ranges: RangeAllocator;
  readonly #live = new Map<number, ArenaBlock>();
  #allocated = 0;

  /** `size` in bytes, rounded up to ARENA_ALIGN. */
  constructor(size = 64 << 20) {
    this.bytes = new Uint8Array(round(size));
    this.#ranges = new RangeAllocator(0, this.bytes.length);
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
    if (!(length > 0)) return undefined;
    const rounded = round(length);
    const offset = this.#ranges.take(rounded, ARENA_ALIGN);
    if (offset === undefined) return undefined;
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
