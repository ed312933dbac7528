// SPDX-License-Identifier: Apache-2.0
/**
 * The arena: one sparse piece of memory per guest that holds the device's buffers (a memfd on Linux, an ArrayBuffer
 * elsewhere), and its window in the guest (shared memory region 0), where the transport has one.
 */

/** Alignment of every block, in bytes: the largest page size a guest may have, so that any guest can map it (P12). */
export const ARENA_ALIGN = 65536;

/**
 * A block of the arena, zeroed when it was allocated. It is reference counted: the buffer holds one reference and every
 * mapping in the guest another. The pages are given back when the last one is gone. A copy in flight holds none: a queue frees
 * its buffers only when the copies into them have ended.
 */
export interface ArenaBlock {
  /** offset in the arena, a multiple of ARENA_ALIGN and below 2^32; unique among live blocks: V4L2's `mem_offset` */
  readonly offset: number;
  /** usable bytes, as asked for */
  readonly length: number;
  /** adds a reference */
  retain(): void;
  /** drops a reference; the caller must not use the block any more */
  release(): void;
}

/** Allocates blocks of one guest's arena. */
export interface HostBuffers {
  /** A zeroed block with one reference, or undefined if the arena is full or `length` is 0 (ENOMEM to the guest). */
  allocate(length: number): ArenaBlock | undefined;
  /**
   * Settles when what was released can be had again; undefined if that is so now. Until then `allocate` may say that there is no
   * room.
   */
  settled(): Promise<void> | undefined;
  /** bytes now allocated, rounded up to ARENA_ALIGN */
  readonly allocated: number;
}

/** The window of the arena in the guest: shared memory region 0. */
export interface SharedWindow {
  /** bytes of the region; 0 means that the transport has none and MMAP must be refused (P13) */
  readonly length: number;
  /**
   * Makes a block visible to the guest. Resolves to the offset of the mapping in the region (a multiple of
   * ARENA_ALIGN), or to undefined if the other side refused. Asking again for the same block and access counts up.
   */
  map(block: ArenaBlock, writable: boolean): Promise<number | undefined> | number | undefined;
  /** Forgets one mapping at `driverAddr` (or inside one: P14). False if there is none. The mapping itself may stay while the buffer lives. */
  unmap(driverAddr: number): boolean;
  /** The buffer of this block was freed: its mapping goes as soon as nobody counts on it. */
  freed(block: ArenaBlock): void;
}
