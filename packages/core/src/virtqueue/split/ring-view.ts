// SPDX-License-Identifier: Apache-2.0
/**
 * The three parts of a split ring as they lie in memory, seen by either side. The 16-bit words that both sides watch are
 * accessed with Atomics, which order everything around them: entries written before an index are seen with it, and a store
 * of an index is ordered before a later load of an event word (the full barrier of VIRTIO 1.4, 2.7.7 and 2.7.10).
 */
import type { GuestMemory } from '../../memory/guest-memory.ts';
import { VIRTQ_MAX_SIZE } from '../../wire/index.ts';
import { QueueError } from '../queue-error.ts';
import { type RingLayout, ringBytes } from '../ring-layout.ts';

/** index of `flags` in either ring, in 16-bit words */
export const FLAGS = 0;
/** index of `idx` in either ring, in 16-bit words */
export const IDX = 1;
/** index of the first available entry, in 16-bit words */
export const AVAILABLE_RING = 2;
/** offset of the first used element in the used ring, in bytes */
export const USED_RING = 4;

const EMPTY = new DataView(new ArrayBuffer(0));
const LITTLE_ENDIAN = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;
const FENCE = new Int32Array(1);

/** 16-bit little-endian words with ordered access. */
class Words {
  #atomic: Uint16Array | undefined;
  #view: DataView = EMPTY;

  map(view: DataView): void {
    this.#view = view;
    // A region may start at an odd byte of its buffer, and a machine may be big-endian: then plain accesses between fences do.
    const aligned = LITTLE_ENDIAN && view.byteOffset % 2 === 0;
    this.#atomic = aligned ? new Uint16Array(view.buffer, view.byteOffset, view.byteLength >>> 1) : undefined;
  }

  load(index: number): number {
    if (this.#atomic !== undefined) return Atomics.load(this.#atomic, index);
    Atomics.add(FENCE, 0, 1);
    const value = this.#view.getUint16(2 * index, true);
    Atomics.add(FENCE, 0, 1);
    return value;
  }

  store(index: number, value: number): void {
    if (this.#atomic !== undefined) {
      Atomics.store(this.#atomic, index, value);
      return;
    }
    Atomics.add(FENCE, 0, 1);
    this.#view.setUint16(2 * index, value, true);
    Atomics.add(FENCE, 0, 1);
  }
}

/**
 * A mapped ring. Views are looked up again when the memory table changed: `refresh` before each use, and no use after it
 * said false.
 */
export class RingView {
  readonly #memory: GuestMemory;
  readonly #layout: RingLayout;
  #generation = -1;
  #there = false;
  /** the descriptor table */
  descriptors: DataView = EMPTY;
  /** the used ring, for its elements from byte `USED_RING` on */
  usedElements: DataView = EMPTY;
  /** flags, idx, ring, used_event */
  readonly available = new Words();
  /** flags, idx, …, avail_event */
  readonly used = new Words();
  /** index of `used_event` in `available`, in 16-bit words */
  readonly usedEvent: number;
  /** index of `avail_event` in `used`, in 16-bit words */
  readonly availableEvent: number;

  /**
   * Throws `QueueError` ('layout') if the size or an alignment is wrong or a part is not in one region (VU-V6, VU-V7). With
   * `absent` the memory may be missing as yet.
   */
  constructor(memory: GuestMemory, layout: RingLayout, absent: 'refused' | 'allowed' = 'refused') {
    checkRingLayout(layout);
    this.#memory = memory;
    this.#layout = { ...layout };
    this.usedEvent = AVAILABLE_RING + layout.size;
    this.availableEvent = 2 + 4 * layout.size;
    if (!this.refresh() && absent === 'refused') {
      throw new QueueError('layout', `${describe(layout)}: a part is not inside one region of guest memory`);
    }
  }

  /** Looks the parts up again if the memory table changed. False if one of them is gone. */
  refresh(): boolean {
    const generation = this.#memory.generation;
    if (generation === this.#generation) return this.#there;
    this.#generation = generation;
    const { descriptors, available, used, size } = this.#layout;
    const bytes = ringBytes(size);
    const d = this.#memory.window(descriptors, bytes.descriptors);
    const a = this.#memory.window(available, bytes.available);
    const u = this.#memory.window(used, bytes.used);
    this.#there = d !== undefined && a !== undefined && u !== undefined;
    this.descriptors = d?.view ?? EMPTY;
    this.usedElements = u?.view ?? EMPTY;
    this.available.map(a?.view ?? EMPTY);
    this.used.map(u?.view ?? EMPTY);
    return this.#there;
  }
}

/** Throws `QueueError` ('layout') for a size that is no power of two up to 32768 or an address that is not aligned 16, 2, 4. */
export function checkRingLayout(layout: RingLayout): void {
  const { size, descriptors, available, used } = layout;
  if (!Number.isInteger(size) || size < 1 || size > VIRTQ_MAX_SIZE || (size & (size - 1)) !== 0) {
    throw new QueueError('layout', `queue size ${size} is not a power of two from 1 to ${VIRTQ_MAX_SIZE}`);
  }
  if (descriptors % 16 !== 0 || available % 2 !== 0 || used % 4 !== 0) {
    throw new QueueError('layout', `${describe(layout)}: the parts must be aligned to 16, 2 and 4 bytes`);
  }
}

function describe(layout: RingLayout): string {
  const { size, descriptors, available, used } = layout;
  return `ring of ${size} entries at ${descriptors.toString(16)}, ${available.toString(16)}, ${used.toString(16)} (hex)`;
}
