// SPDX-License-Identifier: Apache-2.0
import { ARENA_ALIGN, type ArenaBlock, roundUp, type SharedWindow } from '@paravideo/core';
import type { Arena } from '../../memory/index.ts';

interface WindowEntry {
  readonly block: ArenaBlock;
  readonly span: number;
  /** mappings of the guest; never below 0 */
  count: number;
  life: 'used' | 'freed';
}

/**
 * The arena's window in a guest that has all of it: shared memory region 0 is the arena's file, given away at the start, and
 * a block's place in the region is its place in the arena. What is counted here keeps a block from being used anew while the
 * guest may still look at it. Access cannot be narrowed: a mapping for reading can be written, by the guest whose it is.
 */
export class WholeWindow implements SharedWindow {
  readonly length: number;
  readonly #entries = new Map<number, WindowEntry>();

  constructor(arena: Arena) {
    this.length = arena.size;
  }

  /** Number of mappings that exist, for leak checks. */
  get mappings(): number {
    return this.#entries.size;
  }

  map(block: ArenaBlock): number {
    const known = this.#entries.get(block.offset);
    if (known !== undefined) {
      known.count += 1;
    } else {
      block.retain();
      const span = roundUp(block.length, ARENA_ALIGN);
      this.#entries.set(block.offset, { block, span, count: 1, life: 'used' });
    }
    return block.offset;
  }

  unmap(driverAddr: number): boolean {
    for (const [offset, entry] of this.#entries) {
      if (driverAddr < offset || driverAddr >= offset + entry.span) continue;
      entry.count = Math.max(0, entry.count - 1);
      this.#settle(entry);
      return true;
    }
    return false;
  }

  freed(block: ArenaBlock): void {
    const entry = this.#entries.get(block.offset);
    if (entry === undefined || entry.block !== block) return;
    entry.life = 'freed';
    this.#settle(entry);
  }

  /** Forgets all mappings: the driver that made them is gone. */
  reset(): void {
    const entries = [...this.#entries.values()];
    this.#entries.clear();
    for (const { block } of entries) block.release();
  }

  #settle(entry: WindowEntry): void {
    if (entry.count > 0 || entry.life !== 'freed') return;
    this.#entries.delete(entry.block.offset);
    entry.block.release();
  }
}
