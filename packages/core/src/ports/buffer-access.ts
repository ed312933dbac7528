// SPDX-License-Identifier: Apache-2.0
import type { BufferMemory, PlaneStorage } from './buffer-memory.ts';

/** A buffer's plane, from a byte of it on. */
export interface MemoryPart {
  readonly memory: BufferMemory;
  readonly offset: number;
}

/**
 * Moves bytes between a producer's memory and a guest's buffers. The host does it in worker threads. One per guest.
 */
export interface BufferAccess {
  /**
   * False while the guest's memory may not be touched, since its device is stopped. Copies that are asked for meanwhile wait
   * until it goes on; a producer that cannot wait drops what it has.
   */
  readonly open: boolean;
  /**
   * Copies plane i of `from` to the start of plane i of `to`, `from[i]` bytes each (never past `to[i].length`).
   * Resolves to true when every byte is written and nothing will be written any more; to false if guest memory named in
   * `to` is not there, or the device was reset before the copy began. Never rejects for what the guest did.
   */
  store(from: readonly PlaneStorage[], to: readonly BufferMemory[]): Promise<boolean>;
  /** Copies `to.length` bytes from offset `offset` of `from` (coded input, staging). The same promise as `store`. */
  load(from: BufferMemory, offset: number, to: BufferMemory): Promise<boolean>;
  /**
   * Fills plane i of `to` with the bytes of part i of `from`: what a guest plays, for who takes it. The same promise as `store`, and
   * false if a part is shorter than its plane.
   */
  fetch(from: readonly MemoryPart[], to: readonly PlaneStorage[]): Promise<boolean>;
}
