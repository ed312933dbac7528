// SPDX-License-Identifier: Apache-2.0
import { type GuestRange, MemoryError, MemoryGate, RegionMemory } from '@paravideo/core';
import { type Fd, faultGuardMissing, fileSize, MemoryMapping, memoryKind } from '../sys/index.ts';
import { MemoryBudget } from './memory-budget.ts';

/** Most bytes that one guest may announce, unless told otherwise: sparse files cost address space only, but that is everybody's. */
export const MAX_GUEST_BYTES: number = 4 * 2 ** 40;
/** Most bytes that all guests may announce, unless told otherwise: half of what a process can address. */
export const MAX_ALL_GUEST_BYTES: number = 64 * 2 ** 40;

/** What counts where nobody gave a budget. */
const ALL_GUESTS = new MemoryBudget(MAX_ALL_GUEST_BYTES);

const REMEDY = 'share a memfd (QEMU: memory-backend-memfd,share=on), or allow it with `memory: any` at the device';

/** Which files may be guest memory: those that cannot keep us waiting, or any. */
export type MemoryPolicy = 'checked' | 'any';

/** What its owner is told of a guest's memory. */
export interface MemoryEvents {
  /** a page of it was gone when it was touched */
  fault?(): void;
  /** it is in a file that can be shrunk; told once */
  shrinkable?(): void;
}

/** A file that cannot be guest memory; the message says why and what to do. */
export class GuestFileError extends Error {
  override readonly name = 'GuestFileError';
}

/** A run of guest memory at its address in this process. */
export interface MemoryPiece {
  readonly address: number;
  readonly length: number;
}

/** Guest memory by address, for a copy in another thread. Valid until `pin` is disposed. */
export interface ResolvedMemory {
  readonly pieces: MemoryPiece[];
  readonly pin: Disposable;
}

/** Regions that are unmapped in one turn of the event loop; each takes some tens of microseconds. */
export const UNMAPS_PER_TURN = 64;

/** Pieces of one copy: the limits on scatter lists allow no more, but a table may be cut up after a list was looked at. */
const MAX_PIECES = 1 << 18;

/**
 * A guest's memory, mapped into this process. It owns the mappings of its regions: a region that is removed loses its
 * view at once, and is unmapped when no copy uses it any more, a number of regions in each turn.
 */
export class HostGuestMemory extends RegionMemory implements Disposable {
  /** closed while the guest's device is stopped: no byte is read or written then, here or by a copy */
  readonly gate: MemoryGate = new MemoryGate();
  readonly #policy: MemoryPolicy;
  readonly #events: MemoryEvents;
  #noted = false;
  /** by the guest address of the region that it is */
  readonly #mappings = new Map<number, MemoryMapping>();
  /** out of the table, and to be unmapped in turns to come */
  #leaving: MemoryMapping[] = [];
  #unmaps = 0;
  #unmapping: Promise<void> | undefined;
  readonly #budget: MemoryBudget;
  #mapped = 0;

  /** What is mapped counts in `budget`. */
  constructor(
    policy: MemoryPolicy = 'checked',
    events: MemoryEvents = {},
    budget: MemoryBudget = new MemoryBudget(MAX_GUEST_BYTES, ALL_GUESTS),
  ) {
    super();
    this.#budget = budget;
    this.#policy = policy;
    this.#events = events;
  }

  /**
   * Maps a part of a file that a front-end announced; `replaced` bytes of this memory are about to go. Throws `GuestFileError` if it is
   * no file that may be guest memory or there would be too much of it, and `SysError`.
   */
  mapFile(fd: Fd, offset: number, size: number, replaced = 0): MemoryMapping {
    const kind = this.#policy === 'any' ? 'sealed' : memoryKind(fd);
    if (kind === 'foreign')
      throw new GuestFileError(`it lies in a file on a disk or of another program, which could keep us waiting: ${REMEDY}`);
    if (kind === 'shrinkable') this.#noteShrinkable();
    if (!this.mayBecome(this.#mapped - replaced + size)) throw new GuestFileError(this.#tooMuch(size));
    const there = fileSize(fd);
    if (offset + size > there) throw new GuestFileError(`it ends at ${offset + size} of a file of ${there} bytes`);
    return MemoryMapping.map(fd, offset, size, { writable: true, onFault: () => this.#events.fault?.() });
  }

  /** True if the guest's memory may have so many bytes in all, in place of what it has now. */
  mayBecome(bytes: number): boolean {
    return bytes - this.#mapped <= this.#budget.room;
  }

  #tooMuch(size: number): string {
    const { used, limit } = this.#budget;
    return (
      `${size} bytes beside ${used} are more than the ${limit} that a guest may have, or than all guests together may: raise guest-addresses ` +
      'or all-addresses'
    );
  }

  #noteShrinkable(): void {
    const missing = faultGuardMissing();
    if (missing !== undefined) {
      throw new GuestFileError(`its file can be shrunk, which this process would not survive (${missing}): ${REMEDY}`);
    }
    if (!this.#noted) this.#events.shrinkable?.();
    this.#noted = true;
  }

  /** Adds a region and takes its mapping over. Throws `MemoryError` (and leaves the mapping alone) if it does not fit in. */
  addMapping(address: number, mapping: MemoryMapping): void {
    if (mapping.length > this.#budget.room) throw new MemoryError(this.#tooMuch(mapping.length));
    this.addRegion({ address, bytes: mapping.bytes() });
    this.#budget.take(mapping.length);
    this.#mapped += mapping.length;
    this.#mappings.set(address, mapping);
  }

  /** Removes the region that starts at `address`, and its mapping; false if there is none. */
  override removeRegion(address: number): boolean {
    const mapping = this.#mappings.get(address);
    if (mapping !== undefined) {
      this.#mappings.delete(address);
      this.#mapped -= mapping.length;
      this.#budget.give(mapping.length);
      this.#unmap(mapping);
    }
    return super.removeRegion(address);
  }

  override read(address: number, into: Uint8Array): boolean {
    return this.gate.open && super.read(address, into);
  }

  override write(address: number, from: Uint8Array): boolean {
    return this.gate.open && super.write(address, from);
  }

  /** Removes every region. */
  clear(): void {
    for (const address of [...this.#mappings.keys()]) this.removeRegion(address);
  }

  [Symbol.dispose](): void {
    this.clear();
  }

  /** Settles when every region that was removed is unmapped; undefined if that is so now. */
  unmapped(): Promise<void> | undefined {
    return this.#leaving.length === 0 ? undefined : this.#unmapping;
  }

  #unmap(mapping: MemoryMapping): void {
    this.#unmapping ??= this.#unmapInTurns();
    if (this.#unmaps < UNMAPS_PER_TURN) {
      this.#unmaps += 1;
      mapping[Symbol.dispose]();
    } else this.#leaving.push(mapping);
  }

  async #unmapInTurns(): Promise<void> {
    do {
      await new Promise((resolve) => setImmediate(resolve));
      const turn = this.#leaving.splice(0, UNMAPS_PER_TURN);
      this.#unmaps = turn.length;
      for (const mapping of turn) mapping[Symbol.dispose]();
    } while (this.#unmaps > 0);
    this.#unmapping = undefined;
  }

  /**
   * Where the first `length` bytes of a scatter list lie in this process (all of them, unless told), in order, cut at the seams of regions; undefined if any of
   * them is not there (EFAULT), or if they are in more than 2^18 pieces. The caller disposes the pin when the copy is done. Empty ranges yield no piece.
   */
  resolve(ranges: readonly GuestRange[], length = Number.POSITIVE_INFINITY): ResolvedMemory | undefined {
    const pieces: MemoryPiece[] = [];
    const used = new Set<MemoryMapping>();
    let missing = length;
    for (const range of ranges) {
      if (missing === 0) break;
      let at = range.address;
      let left = Math.min(range.length, missing);
      missing -= left;
      if (!this.covers(at, left)) return undefined;
      while (left > 0) {
        const start = this.regionAt(at)?.address;
        const mapping = start === undefined ? undefined : this.#mappings.get(start);
        if (start === undefined || mapping === undefined) return undefined;
        const offset = at - start;
        const run = Math.min(left, mapping.length - offset);
        if (pieces.length >= MAX_PIECES) return undefined;
        pieces.push({ address: mapping.address + offset, length: run });
        used.add(mapping);
        at += run;
        left -= run;
      }
    }
    const pins = Array.from(used, (mapping) => mapping.pin());
    return {
      pieces,
      pin: {
        [Symbol.dispose]: () => {
          for (const pin of pins) pin[Symbol.dispose]();
        },
      },
    };
  }
}
