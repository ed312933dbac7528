// SPDX-License-Identifier: Apache-2.0
import { ARENA_ALIGN, type ArenaBlock, type HostBuffers, RangeAllocator, roundUp } from '@paravideo/core';
import { detach, type Fd, MemoryMapping, memfd, punchHole, punchHoleAside, viewAt } from '../sys/index.ts';
import { ArenaError } from './arena-error.ts';
import type { MemoryBudget } from './memory-budget.ts';

/** Size of a guest's arena unless told otherwise. Sparse: only pages that were written cost memory. */
export const DEFAULT_ARENA_BYTES: number = 2 ** 31;

/** Largest arena: `mem_offset` and the place of a mapping in region 0 have 32 bits, half of it for read-only mappings. */
export const MAX_ARENA_BYTES: number = 2 ** 31;

/** Bytes that are cleaned at a time by another thread. */
const CLEAN_BYTES = 16 << 20;
/** Bytes that may be cleaned in one turn of the event loop for somebody who needs them at once. */
const CLEAN_AT_ONCE = 8 << 20;

/**
 * The memory of one guest's buffers: a sealed memfd, sparse, never shared with another guest. A block's pages are given
 * back, and read as zeros, before its place can be handed out again; and that happens only when nobody references the
 * block any more: neither the buffer, which a queue frees when the copies into it have ended, nor a mapping in the guest.
 *
 *     clean --allocate--> allocated --last release--> dirty --another thread, or in need a few MiB at once--> clean
 *
 * Giving a GiB of pages back takes the better part of a second: the event loop does not wait for it. What is dirty counts in the
 * budget.
 */
export class Arena implements HostBuffers, Disposable {
  readonly fd: Fd;
  /** the whole arena, for its address; its `bytes()` are not for the event loop */
  readonly mapping: MemoryMapping;
  readonly size: number;
  readonly #clean: RangeAllocator;
  readonly #dirty: RangeAllocator;
  /** the range that another thread cleans now, or that is about to be chosen */
  #sweeping: Promise<void> | undefined;
  /** bytes that may still be cleaned in this turn */
  #atOnce = CLEAN_AT_ONCE;
  /** bytes that count in the budget */
  #held = 0;
  readonly #budget: MemoryBudget | undefined;
  #allocated = 0;
  #blocks = 0;

  private constructor(fd: Fd, mapping: MemoryMapping, size: number, budget: MemoryBudget | undefined) {
    this.#budget = budget;
    this.fd = fd;
    this.mapping = mapping;
    this.size = size;
    this.#clean = new RangeAllocator(0, size, ARENA_ALIGN);
    this.#dirty = new RangeAllocator(0, 0, ARENA_ALIGN);
  }

  /**
   * A new arena of `size` bytes, rounded up to ARENA_ALIGN, at most MAX_ARENA_BYTES (else ArenaError). `name` is shown in
   * /proc; `onFault` is told if the system had no page for it, and what is allocated counts in `budget`. Throws `SysError` where the
   * system refuses.
   */
  static create(name: string, size: number = DEFAULT_ARENA_BYTES, onFault?: () => void, budget?: MemoryBudget): Arena {
    const rounded = roundUp(size, ARENA_ALIGN);
    if (!(rounded > 0) || rounded > MAX_ARENA_BYTES) {
      throw new ArenaError(`an arena of ${size} bytes: choose a size from ${ARENA_ALIGN} to ${MAX_ARENA_BYTES}`);
    }
    const fd = memfd(name, rounded);
    try {
      return new Arena(fd, MemoryMapping.map(fd, 0, rounded, { writable: true, ...(onFault && { onFault }) }), rounded, budget);
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
    const size = this.#clean.rounded(length);
    let offset = this.#take(size);
    while (offset === undefined && this.#cleanSome()) offset = this.#take(size);
    if (offset === undefined) return undefined;
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
        if (references === 0) this.#free(offset, size);
      },
    };
  }

  settled(): Promise<void> | undefined {
    return this.#sweeping;
  }

  /** Ends the arena; blocks that are still referenced stay in memory as long as somebody pins `mapping` or holds the fd. */
  [Symbol.dispose](): void {
    this.#budget?.give(this.#held);
    this.#held = 0;
    this.mapping[Symbol.dispose]();
    this.fd.close();
  }

  /** A place in what is clean, within the budget. */
  #take(size: number): number | undefined {
    if (this.#budget?.take(size) === false) return undefined;
    const offset = this.#clean.take(size);
    if (offset === undefined) this.#budget?.give(size);
    else this.#held += size;
    return offset;
  }

  #free(offset: number, size: number): void {
    this.#allocated -= size;
    this.#blocks -= 1;
    if (!this.fd.open) return;
    this.#dirty.give(offset, size);
    this.#sweeping ??= this.#sweep();
  }

  async #sweep(): Promise<void> {
    // Neighbours that are freed together are cleaned together.
    await new Promise((resolve) => setImmediate(resolve));
    this.#atOnce = CLEAN_AT_ONCE;
    for (let range = this.#nextDirty(); range !== undefined; range = this.#nextDirty()) {
      const { start, length } = range;
      let done = false;
      try {
        done = await punchHoleAside(this.fd, start, length);
      } catch {
        // No descriptor for it: see below.
      }
      this.#atOnce = CLEAN_AT_ONCE;
      if (this.fd.open) this.#cleaned(start, length, done);
    }
    this.#sweeping = undefined;
  }

  #nextDirty(): { readonly start: number; readonly length: number } | undefined {
    return this.fd.open ? this.#dirty.takeFirst(CLEAN_BYTES) : undefined;
  }

  /** Cleans a part of what is dirty here and now, as far as this turn may. False if it did not. */
  #cleanSome(): boolean {
    const range = this.#dirty.takeFirst(this.#atOnce);
    if (range === undefined) return false;
    this.#atOnce -= range.length;
    let done = true;
    try {
      punchHole(this.fd, range.start, range.length);
    } catch {
      done = false;
    }
    this.#cleaned(range.start, range.length, done);
    return true;
  }

  #cleaned(start: number, length: number, done: boolean): void {
    if (!done) {
      // Without memory for the bookkeeping of a hole, zeros do as well: what counts is that the next owner sees nothing.
      const view = viewAt(this.mapping.address + start, length);
      view.fill(0);
      detach(view);
    }
    this.#held -= length;
    this.#budget?.give(length);
    this.#clean.give(start, length);
  }
}
