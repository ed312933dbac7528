// SPDX-License-Identifier: Apache-2.0
import { ARENA_ALIGN, type ArenaBlock, type SharedWindow } from '../../ports/host-buffers.ts';
import { RangeAllocator } from '../range-allocator.ts';
import type { HeapArena } from './heap-arena.ts';

interface WindowMapping {
  readonly driverAddr: number;
  readonly span: number;
  readonly block: ArenaBlock;
  readonly writable: boolean;
  count: number;
  freed: boolean;
}

/**
 * The shipped simple `SharedWindow`: shared memory region 0 in this heap. Places in the region have nothing to do with
 * places in the arena, so that nobody can take `mem_offset` for `driver_addr`.
 */
export class HeapWindow implements SharedWindow {
  readonly length: number;
  readonly #arena: HeapArena;
  readonly #ranges: RangeAllocator;
  readonly #mappings: WindowMapping[] = [];

  /** `length` of the region in bytes; 0 for a transport that has none. */
  constructor(arena: HeapArena, length: number = arena.bytes.length * 2) {
    this.#arena = arena;
    this.length = length;
    // The first piece stays unused: a driver that forgets driver_addr and uses 0 finds nothing there.
    this.#ranges = new RangeAllocator(ARENA_ALIGN, length - ARENA_ALIGN, ARENA_ALIGN);
  }

  /** number of mappings that exist, for leak checks */
  get mappings(): number {
    return this.#mappings.length;
  }

  map(block: ArenaBlock, writable: boolean): number | undefined {
    if (this.length === 0) return undefined;
    const known = this.#mappings.find((m) => m.block === block && m.writable === writable && !m.freed);
    if (known !== undefined) {
      known.count += 1;
      return known.driverAddr;
    }
    const span = this.#ranges.rounded(block.length);
    const driverAddr = this.#ranges.take(span);
    if (driverAddr === undefined) return undefined;
    block.retain();
    this.#mappings.push({ driverAddr, span, block, writable, count: 1, freed: false });
    return driverAddr;
  }

  unmap(driverAddr: number): boolean {
    const mapping = this.#at(driverAddr);
    if (mapping === undefined) return false;
    mapping.count = Math.max(0, mapping.count - 1);
    this.#drop(mapping);
    return true;
  }

  freed(block: ArenaBlock): void {
    for (const mapping of this.#mappings.filter((m) => m.block === block)) {
      mapping.freed = true;
      this.#drop(mapping);
    }
  }

  /** What the guest sees at `offset`; undefined where nothing is mapped. */
  view(offset: number, length: number): Uint8Array | undefined {
    const mapping = this.#at(offset);
    if (mapping === undefined || offset + length > mapping.driverAddr + mapping.span) return undefined;
    const start = mapping.block.offset + offset - mapping.driverAddr;
    return this.#arena.bytes.subarray(start, start + length);
  }

  /** How the guest may use what is mapped at `offset`. */
  access(offset: number): 'read' | 'read-write' | undefined {
    const mapping = this.#at(offset);
    if (mapping === undefined) return undefined;
    return mapping.writable ? 'read-write' : 'read';
  }

  #at(offset: number): WindowMapping | undefined {
    return this.#mappings.find((m) => offset >= m.driverAddr && offset < m.driverAddr + m.span);
  }

  #drop(mapping: WindowMapping): void {
    if (mapping.count > 0 || !mapping.freed) return;
    this.#mappings.splice(this.#mappings.indexOf(mapping), 1);
    this.#ranges.give(mapping.driverAddr, mapping.span);
    mapping.block.release();
  }
}
