// SPDX-License-Identifier: Apache-2.0

import type { BufferAccess, MemoryPart } from '../../ports/buffer-access.ts';
import type { BufferMemory, PlaneStorage } from '../../ports/buffer-memory.ts';
import type { GuestMemory } from '../guest-memory.ts';
import { MemoryGate } from '../memory-gate.ts';
import type { HeapArena } from './heap-arena.ts';

/**
 * The shipped simple `BufferAccess`: copies in this heap. The answer comes with the next microtask, as a worker's would
 * come later, so that nobody relies on it being there at once.
 */
export class HeapAccess implements BufferAccess {
  readonly #arena: HeapArena;
  readonly #memory: GuestMemory;
  readonly #gate: MemoryGate;

  constructor(arena: HeapArena, memory: GuestMemory, gate: MemoryGate = new MemoryGate()) {
    this.#arena = arena;
    this.#memory = memory;
    this.#gate = gate;
  }

  get open(): boolean {
    return this.#gate.open;
  }

  /** Resolves when `read` and `write` may be used, at once while they may; false if nobody waits for it any more. */
  opened(): Promise<boolean> {
    return this.#gate.enter(async () => true);
  }

  store(from: readonly PlaneStorage[], to: readonly BufferMemory[]): Promise<boolean> {
    return this.#gate.enter(() => this.#store(from, to));
  }

  load(from: BufferMemory, offset: number, to: BufferMemory): Promise<boolean> {
    return this.#gate.enter(() => this.#load(from, offset, to));
  }

  fetch(from: readonly MemoryPart[], to: readonly PlaneStorage[]): Promise<boolean> {
    return this.#gate.enter(() => this.#fetch(from, to));
  }

  async #store(from: readonly PlaneStorage[], to: readonly BufferMemory[]): Promise<boolean> {
    await Promise.resolve();
    let complete = true;
    from.forEach((plane, i) => {
      const target = to[i];
      if (target === undefined) return;
      if (plane.kind !== 'bytes')
        throw new TypeError('HeapAccess stores planes of kind "bytes" only: this heap has no addresses');
      const bytes = plane.bytes.subarray(0, target.length);
      if (!this.#write(target, 0, bytes)) complete = false;
    });
    return complete;
  }

  async #load(from: BufferMemory, offset: number, to: BufferMemory): Promise<boolean> {
    await Promise.resolve();
    if (offset + to.length > from.length) return false;
    const bytes = new Uint8Array(to.length);
    return this.#read(from, offset, bytes) && this.#write(to, 0, bytes);
  }

  async #fetch(from: readonly MemoryPart[], to: readonly PlaneStorage[]): Promise<boolean> {
    await Promise.resolve();
    return to.every((plane, i) => {
      const part = from[i];
      if (plane.kind !== 'bytes')
        throw new TypeError('HeapAccess fetches into planes of kind "bytes" only: this heap has no addresses');
      return part !== undefined && this.read(part.memory, part.offset, plane.bytes);
    });
  }

  /** Copies bytes of a buffer into this heap, for decoders that run here. False if guest memory is not there. */
  read(from: BufferMemory, offset: number, into: Uint8Array): boolean {
    return offset + into.length <= from.length && this.#read(from, offset, into);
  }

  /** Copies bytes of this heap into a buffer, for decoders that run here. False if guest memory is not there. */
  write(to: BufferMemory, offset: number, from: Uint8Array): boolean {
    return offset + from.length <= to.length && this.#write(to, offset, from);
  }

  #read(from: BufferMemory, offset: number, into: Uint8Array): boolean {
    switch (from.kind) {
      case 'arena':
        into.set(this.#arena.bytes.subarray(from.offset + offset, from.offset + offset + into.length));
        return true;
      case 'guest':
        return eachPiece(from.ranges, offset, into.length, (address, at, length) =>
          this.#memory.read(address, into.subarray(at, at + length)),
        );
    }
  }

  #write(to: BufferMemory, offset: number, from: Uint8Array): boolean {
    switch (to.kind) {
      case 'arena':
        this.#arena.bytes.set(from, to.offset + offset);
        return true;
      case 'guest':
        return eachPiece(to.ranges, offset, from.length, (address, at, length) =>
          this.#memory.write(address, from.subarray(at, at + length)),
        );
    }
  }
}

/** Calls `each` for the pieces of a scatter list that hold `length` bytes from `skip` on; false if they are not all there. */
function eachPiece(
  ranges: readonly { readonly address: number; readonly length: number }[],
  skip: number,
  length: number,
  each: (address: number, at: number, length: number) => boolean,
): boolean {
  let at = 0;
  for (const range of ranges) {
    if (at === length) break;
    if (skip >= range.length) {
      skip -= range.length;
      continue;
    }
    const piece = Math.min(range.length - skip, length - at);
    if (!each(range.address + skip, at, piece)) return false;
    at += piece;
    skip = 0;
  }
  return at === length;
}
