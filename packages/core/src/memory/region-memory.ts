// SPDX-License-Identifier: Apache-2.0
/**
 * Guest memory as a sorted table of regions. Regions may touch, and then reads and writes run across the seam; they never
 * overlap. A look-up tries the region of the last hit first: nearly all accesses of a ring fall into the same one.
 */
import { addressText } from '../base/index.ts';
import { firstFrom } from './address-order.ts';
import type { GuestMemory, MemoryWindow } from './guest-memory.ts';
import { MemoryError } from './memory-error.ts';

/** A piece of guest memory: `bytes.length` bytes from guest-physical `address` on. */
export interface MemoryRegion {
  readonly address: number;
  readonly bytes: Uint8Array;
}

/** Copies this short are done byte by byte: cheaper than the view that a block copy needs. */
const SHORT_COPY = 32;

/** The `GuestMemory` of any number of regions; one region is the simple case. */
export class RegionMemory implements GuestMemory {
  /** by address, never empty regions, never overlapping */
  readonly #regions: MemoryRegion[] = [];
  /** where the memory ends that runs on from each region without a gap; made when it is asked for */
  #ends: Float64Array | undefined;
  #last = 0;
  #generation = 0;

  /** Counts changes of the table. */
  get generation(): number {
    return this.#generation;
  }

  /** The regions, by address. */
  get regions(): readonly MemoryRegion[] {
    return this.#regions;
  }

  /**
   * Adds a region. Throws `MemoryError` if it is empty, if an address of it is not a safe integer, or if it overlaps
   * another one (VU-V5).
   */
  addRegion(region: { address: number; bytes: Uint8Array }): void {
    const { address, bytes } = region;
    if (bytes.length === 0) throw new MemoryError(`region at ${addressText(address)} is empty: give at least one byte`);
    if (!Number.isSafeInteger(address) || address < 0 || !Number.isSafeInteger(address + bytes.length)) {
      throw new MemoryError(`region of ${bytes.length} bytes at ${addressText(address)} does not lie between 0 and 2^53 - 1`);
    }
    const at = firstFrom(this.#regions, address);
    for (const other of [this.#regions[at - 1], this.#regions[at]]) {
      if (other !== undefined && other.address < address + bytes.length && address < other.address + other.bytes.length) {
        throw new MemoryError(
          `region ${addressText(address)}+${addressText(bytes.length)} overlaps ${addressText(other.address)}+${addressText(other.bytes.length)}: remove that one first`,
        );
      }
    }
    this.#regions.splice(at, 0, { address, bytes });
    this.#changed();
  }

  /** Removes the region that starts at `address`; false if there is none. Windows on it must not be used any more. */
  removeRegion(address: number): boolean {
    const at = firstFrom(this.#regions, address);
    if (this.#regions[at]?.address !== address) return false;
    this.#regions.splice(at, 1);
    this.#changed();
    return true;
  }

  window(address: number, length: number): MemoryWindow | undefined {
    if (!isRange(address, length)) return undefined;
    const region = this.regionAt(address);
    if (region === undefined) return undefined;
    const offset = address - region.address;
    if (length > region.bytes.length - offset) return undefined;
    const bytes = region.bytes.subarray(offset, offset + length);
    return { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, length) };
  }

  covers(address: number, length: number): boolean {
    if (!isRange(address, length)) return false;
    if (length === 0) return true;
    const at = this.#indexOf(address);
    return at >= 0 && address + length <= this.#endOf(at);
  }

  pieces(address: number, length: number): number {
    if (!isRange(address, length) || length === 0) return 0;
    const first = this.#indexOf(address);
    if (first < 0 || address + length > this.#endOf(first)) return 0;
    return this.#indexOf(address + length - 1) - first + 1;
  }

  read(address: number, into: Uint8Array): boolean {
    if (!isRange(address, into.length)) return false;
    let done = 0;
    while (done < into.length) {
      const region = this.regionAt(address + done);
      if (region === undefined) return false;
      const offset = address + done - region.address;
      const length = Math.min(into.length - done, region.bytes.length - offset);
      copy(region.bytes, offset, into, done, length);
      done += length;
    }
    return true;
  }

  write(address: number, from: Uint8Array): boolean {
    if (!this.covers(address, from.length)) return false;
    let done = 0;
    while (done < from.length) {
      const region = this.regionAt(address + done);
      if (region === undefined) return false;
      const offset = address + done - region.address;
      const length = Math.min(from.length - done, region.bytes.length - offset);
      copy(from, done, region.bytes, offset, length);
      done += length;
    }
    return true;
  }

  /** The region that holds `address`. */
  regionAt(address: number): MemoryRegion | undefined {
    return this.#regions[this.#indexOf(address)];
  }

  #indexOf(address: number): number {
    const regions = this.#regions;
    const last = regions[this.#last];
    if (last !== undefined && address >= last.address && address - last.address < last.bytes.length) return this.#last;
    let low = 0;
    let high = regions.length - 1;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      const region = regions[middle] as MemoryRegion;
      if (address < region.address) high = middle - 1;
      else if (address - region.address >= region.bytes.length) low = middle + 1;
      else {
        this.#last = middle;
        return middle;
      }
    }
    return -1;
  }

  /** Where the memory ends that runs on from a region: regions that touch are as one. */
  #endOf(index: number): number {
    this.#ends ??= this.#findEnds();
    return this.#ends[index] as number;
  }

  #findEnds(): Float64Array {
    const ends = new Float64Array(this.#regions.length);
    let next: MemoryRegion | undefined;
    for (let i = ends.length - 1; i >= 0; i--) {
      const { address, bytes } = this.#regions[i] as MemoryRegion;
      const end = address + bytes.length;
      ends[i] = next?.address === end ? (ends[i + 1] as number) : end;
      next = this.#regions[i];
    }
    return ends;
  }

  #changed(): void {
    this.#last = 0;
    this.#ends = undefined;
    this.#generation++;
  }
}

function isRange(address: number, length: number): boolean {
  return (
    Number.isSafeInteger(address) &&
    Number.isSafeInteger(length) &&
    address >= 0 &&
    length >= 0 &&
    Number.isSafeInteger(address + length)
  );
}

function copy(from: Uint8Array, fromOffset: number, to: Uint8Array, toOffset: number, length: number): void {
  if (length > SHORT_COPY) {
    to.set(from.subarray(fromOffset, fromOffset + length), toOffset);
    return;
  }
  for (let i = 0; i < length; i++) to[toOffset + i] = from[fromOffset + i] as number;
}
