// SPDX-License-Identifier: Apache-2.0
/**
 * A split ring written by hand: every field of it, right or wrong. For tests of the device side that no well-behaved driver
 * could make.
 */
import { RegionMemory } from '../memory/region-memory.ts';
import { type RingLayout, ringBytes } from '../virtqueue/ring-layout.ts';
import { virtq_desc, virtq_used_elem } from '../wire/ring/virtio-ring.ts';

/** One descriptor; what is left out is 0. */
export interface RawDescriptor {
  readonly addr?: number;
  readonly len?: number;
  readonly flags?: number;
  readonly next?: number;
}

/** Options of a `RawRing`. */
export interface RawRingOptions {
  /** entries; default 8 */
  readonly size?: number;
  /** guest-physical address of the memory; default above 4 GiB */
  readonly base?: number;
  /** bytes of memory behind the ring; default 1 MiB */
  readonly memoryBytes?: number;
  /** where in its buffer the memory begins: 1 makes every 16-bit word of the ring unaligned for the host */
  readonly shift?: number;
}

/** A ring and `memory` around it: the ring first, then `data` up to the end. */
export class RawRing {
  readonly memory: RegionMemory = new RegionMemory();
  readonly layout: RingLayout;
  /** guest-physical address of the memory */
  readonly base: number;
  /** first address after the ring, aligned to 4096 */
  readonly data: number;
  /** all memory, from `base` on */
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly #size: number;

  constructor(options: RawRingOptions = {}) {
    const size = options.size ?? 8;
    const base = options.base ?? 0x2_3456_0000;
    const lengths = ringBytes(size);
    const available = base + lengths.descriptors;
    const used = Math.ceil((available + lengths.available) / 4) * 4;
    this.data = Math.ceil((used + lengths.used) / 4096) * 4096;
    const total = this.data - base + (options.memoryBytes ?? 1 << 20);
    const shift = options.shift ?? 0;
    this.bytes = new Uint8Array(new ArrayBuffer(total + shift), shift, total);
    this.view = new DataView(this.bytes.buffer, shift, total);
    this.memory.addRegion({ address: base, bytes: this.bytes });
    this.base = base;
    this.layout = { size, descriptors: base, available, used };
    this.#size = size;
  }

  /** Writes descriptor `index` of the ring, or of the table at `table`. */
  descriptor(index: number, descriptor: RawDescriptor, table = this.layout.descriptors): void {
    const at = table - this.base + 16 * index;
    const f = virtq_desc.fields;
    this.view.setBigUint64(at, 0n, true);
    if (Number.isSafeInteger(descriptor.addr ?? 0)) f.addr.set(this.view, at, descriptor.addr ?? 0);
    else this.view.setBigUint64(at, 0xffff_ffff_ffff_fff0n, true);
    f.len.set(this.view, at, descriptor.len ?? 0);
    f.flags.set(this.view, at, descriptor.flags ?? 0);
    f.next.set(this.view, at, descriptor.next ?? 0);
  }

  /** Puts `heads` into the available ring from index `from` on, and sets the index behind them. */
  offer(heads: readonly number[], from = this.availableIndex): void {
    const at = this.layout.available - this.base;
    heads.forEach((head, i) => {
      this.view.setUint16(at + 4 + 2 * ((from + i) & (this.#size - 1)), head, true);
    });
    this.availableIndex = from + heads.length;
  }

  get availableIndex(): number {
    return this.view.getUint16(this.layout.available - this.base + 2, true);
  }

  set availableIndex(value: number) {
    this.view.setUint16(this.layout.available - this.base + 2, value, true);
  }

  set availableFlags(value: number) {
    this.view.setUint16(this.layout.available - this.base, value, true);
  }

  set usedEvent(value: number) {
    this.view.setUint16(this.layout.available - this.base + 4 + 2 * this.#size, value, true);
  }

  get usedFlags(): number {
    return this.view.getUint16(this.layout.used - this.base, true);
  }

  get usedIndex(): number {
    return this.view.getUint16(this.layout.used - this.base + 2, true);
  }

  set usedIndex(value: number) {
    this.view.setUint16(this.layout.used - this.base + 2, value, true);
  }

  get availableEvent(): number {
    return this.view.getUint16(this.layout.used - this.base + 4 + 8 * this.#size, true);
  }

  /** The entry of the used ring at `index`. */
  usedEntry(index: number): { id: number; len: number } {
    const at = this.layout.used - this.base + 4 + 8 * (index & (this.#size - 1));
    return { id: virtq_used_elem.fields.id.get(this.view, at), len: virtq_used_elem.fields.len.get(this.view, at) };
  }
}
