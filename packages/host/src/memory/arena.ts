// SPDX-License-Identifier: Apache-2.0
import { ARENA_ALIGN, type ArenaBlock, type HostBuffers } from '@paravideo/core';
import { detach, type Fd, Mapping, memfd, punchHole, viewAt } from '../sys/index.ts';
import { ArenaError } from './arena-error.ts';
import type { MemoryBudget } from './memory-budget.ts';
import { RangeList } from './range-list.ts';

/** Size of a guest's arena unless told otherwise. Sparse: only pages that were written cost memory. */
export const DEFAULT_ARENA_BYTES: number = 2 ** 31;

/** Largest arena: `mem_offset` and the place of a mapping in region 0 have 32 bits, half of it for read-only mappings. */
export const MAX_ARENA_BYTES: number = 2 ** 31;

/**
 * The memory of one guest's buffers: a sealed memfd, sparse, never shared with another guest. A block's pages are given
 * back, and read as zeros, before its place can be handed out again; and that happens only when nobody references the
 * block any more: neither the buffer, nor a mapping in the guest, nor a copy in flight.
 */
export class Arena implements HostBuffers, Disposable {
  readonly fd: Fd;
  /** the whole arena, for its address; its `bytes()` are not for the event loop */
  readonly mapping: Mapping;
  readonly size: number;
  readonly #ranges: RangeList;
  readonly #budget: MemoryBudget | undefined;
  #allocated = 0;
  #blocks = 0;

  private constructor(fd: Fd, mapping: Mapping, size: number, budget: MemoryBudget | undefined) {
    this.#budget = budget;
    this.fd = fd;
    this.mapping = mapping;
    this.size = size;
    this.#ranges = new RangeList(size, ARENA_ALIGN);
  }

  /**
   * A new arena of `size` bytes, rounded up to ARENA_ALIGN, at most MAX_ARENA_BYTES (else ArenaError). `name` is shown in
   * /proc; `onFault` is told if the system had no page for it, and what is allocated counts in `budget`. Throws `SysError` where the
   * system refuses.
   */
  static create(name: string, size: number = DEFAULT_ARENA_BYTES, onFault?: () => void, budget?: MemoryBudget): Arena {
    const rounded = Math.ceil(size / ARENA_ALIGN) * ARENA_ALIGN;
    if (!(rounded > 0) || rounded > MAX_ARENA_BYTES) {
      throw new ArenaError(`an arena of ${size} bytes: choose a size from ${ARENA_ALIGN} to ${MAX_ARENA_BYTES}`);
    }
    const fd = memfd(name, rounded);
    try {
      return new Arena(fd, Mapping.map(fd, 0, rounded, { writable: true, ...(onFault && { onFault }) }), rounded, budget);
    } catch (error) {
      fd.close();
      throw error;
    }
  }

  get allocated(): number {
    return this.#allocated;
  }

  /** number of live blocks, for leak checks */
  get blocks(): number {
    return this.#blocks;
  }

  allocate(length: number): ArenaBlock | undefined {
    if (!Number.isSafeInteger(length) || length <= 0 || !this.fd.open) return undefined;
    const size = this.#ranges.rounded(length);
    if (this.#budget?.take(size) === false) return undefined;
    const offset = this.#ranges.take(length);
    if (offset === undefined) {
      this.#budget?.give(size);
      return undefined;
    }
    this.#allocated += size;
    this.#blocks += 1;
    let references = 1;
    const live = (what: string): void => {
      if (references === 0) throw new ArenaError(`arena block at ${offset} ${what} after its last reference was released`);
    };
    return {
      offset,
      length,
      retain: () => {
        live('retained');
        references += 1;
      },
      release: () => {
        live('released');
        references -= 1;
        if (references === 0) this.#free(offset, length, size);
      },
    };
  }

  /** Ends the arena; blocks that are still referenced stay in memory as long as somebody pins `mapping` or holds the fd. */
  [Symbol.dispose](): void {
    if (this.fd.open) this.#budget?.give(this.#allocated);
    this.mapping[Symbol.dispose]();
    this.fd.close();
  }

  #free(offset: number, length: number, size: number): void {
    this.#allocated -= size;
    this.#blocks -= 1;
    if (!this.fd.open) return;
    this.#budget?.give(size);
    try {
      punchHole(this.fd, offset, size);
    } catch {
      // Without memory for the bookkeeping of a hole, zeros do as well: what counts is that the next owner sees nothing.
      const view = viewAt(this.mapping.address + offset, size);
      view.fill(0);
      detach(view);
    }
    this.#ranges.give(offset, length);
  }
}
