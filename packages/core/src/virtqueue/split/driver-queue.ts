// SPDX-License-Identifier: Apache-2.0
/**
 * The driver side of a split virtqueue (VIRTIO 1.4, 2.7): the guest's driver in TypeScript, and the counterpart that the
 * device side is tested with. It keeps its own books and believes the device only what it checked: a used entry that
 * names no chain, or more bytes than the chain takes, throws.
 */
import type { GuestMemory } from '../../memory/guest-memory.ts';
import type { GuestRange } from '../../ports/index.ts';
import {
  VIRTQ_AVAIL_F_NO_INTERRUPT,
  VIRTQ_DESC_F_INDIRECT,
  VIRTQ_DESC_F_NEXT,
  VIRTQ_DESC_F_WRITE,
  VIRTQ_USED_F_NO_NOTIFY,
  virtq_desc,
  virtq_used_elem,
} from '../../wire/index.ts';
import { QueueError } from '../queue-error.ts';
import { type RingFeatures, type RingLayout, ringBytes } from '../ring-layout.ts';
import { AVAILABLE_RING, FLAGS, IDX, RingView, USED_RING } from './ring-view.ts';

const desc = virtq_desc.fields;
const usedElem = virtq_used_elem.fields;
const DESC_BYTES = virtq_desc.size;
const USED_BYTES = virtq_used_elem.size;
/** end of the free list: no index of a ring */
const NONE = 0xffff;

/** One chain of the driver's while the device has it. */
interface PendingChain<T> {
  readonly token: T;
  /** entries of the descriptor table that it takes */
  readonly descriptors: number;
  readonly writableLength: number;
}

/** One virtqueue, as the driver sees it. `T` is whatever the driver wants back with a finished chain. */
export class DriverQueue<T> {
  readonly #memory: GuestMemory;
  readonly #features: RingFeatures;
  readonly #size: number;
  readonly #view: RingView;
  readonly #pending: (PendingChain<T> | undefined)[];
  /** successor of each entry, in the free list or in its chain */
  readonly #next: Uint16Array;
  #firstFree = 0;
  #free: number;
  #available: number;
  #published: number;
  #used: number;

  /**
   * Clears the ring and takes it over, before the device is told of it. `start` is the first index of both rings, where a
   * device was told another base than 0. Throws `QueueError` ('layout') if the ring is not sound.
   */
  constructor(memory: GuestMemory, layout: RingLayout, features: RingFeatures, start = 0) {
    this.#memory = memory;
    this.#features = features;
    this.#size = layout.size;
    this.#view = new RingView(memory, layout);
    this.#pending = new Array<PendingChain<T> | undefined>(layout.size).fill(undefined);
    this.#next = Uint16Array.from({ length: layout.size }, (_, i) => (i + 1 < layout.size ? i + 1 : NONE));
    this.#free = layout.size;
    const bytes = ringBytes(layout.size);
    memory.write(layout.descriptors, new Uint8Array(bytes.descriptors));
    memory.write(layout.available, new Uint8Array(bytes.available));
    memory.write(layout.used, new Uint8Array(bytes.used));
    this.#available = start & 0xffff;
    this.#published = this.#available;
    this.#used = this.#available;
    this.#view.available.store(IDX, this.#available);
    this.#view.used.store(IDX, this.#used);
    this.enableInterrupts();
  }

  /** Free entries of the descriptor table; a chain takes one per part, or one in all with an indirect table. */
  get free(): number {
    return this.#free;
  }

  /** Chains that the device has. */
  get inFlight(): number {
    return (this.#available - this.#used) & 0xffff;
  }

  /**
   * Offers a chain; the device sees it after `flush`. With `indirect`, where that was negotiated and the memory there is
   * large enough (16 bytes a part), the parts go into a table there, which belongs to the chain until it comes back.
   * False if there are not enough free descriptors now. Throws `QueueError` ('usage') for a chain that can never fit:
   * no parts, or more than the ring has entries (2.7.5.3.1).
   */
  add(readable: readonly GuestRange[], writable: readonly GuestRange[], token: T, indirect?: GuestRange): boolean {
    const parts = readable.length + writable.length;
    if (parts === 0) throw new QueueError('usage', 'a chain needs at least one part');
    if (parts > this.#size) {
      throw new QueueError('usage', `a chain of ${parts} parts is longer than the ring's ${this.#size} entries`);
    }
    this.#refresh();
    const table =
      this.#features.indirect && indirect !== undefined && indirect.length >= parts * DESC_BYTES ? indirect : undefined;
    const descriptors = table === undefined ? parts : 1;
    if (this.#free < descriptors) return false;
    const head = this.#firstFree;
    if (table === undefined) {
      const last = this.#describe(this.#view.descriptors, this.#next, head, readable, writable);
      this.#firstFree = this.#next[last] as number;
    } else {
      this.#writeTable(table.address, readable, writable);
      this.#put(this.#view.descriptors, head, table.address, parts * DESC_BYTES, VIRTQ_DESC_F_INDIRECT, 0);
      this.#firstFree = this.#next[head] as number;
    }
    this.#free -= descriptors;
    let writableLength = 0;
    for (const range of writable) writableLength += range.length;
    this.#pending[head] = { token, descriptors, writableLength };
    this.#view.available.store(AVAILABLE_RING + (this.#available & (this.#size - 1)), head);
    this.#available = (this.#available + 1) & 0xffff;
    return true;
  }

  /** Publishes what was added since the last call, in one store. True if the device wants a notification for it. */
  flush(): boolean {
    this.#refresh();
    const old = this.#published;
    const now = this.#available;
    if (old === now) return false;
    this.#published = now;
    this.#view.available.store(IDX, now);
    if (!this.#features.eventIdx) return (this.#view.used.load(FLAGS) & VIRTQ_USED_F_NO_NOTIFY) === 0;
    const event = this.#view.used.load(this.#view.availableEvent);
    return ((now - event - 1) & 0xffff) < ((now - old) & 0xffff);
  }

  /**
   * Takes the next finished chain. Throws `QueueError` ('used') if the device returned something that it was not given or
   * claims to have written more than the chain takes; ('ring-gone') if the ring is not in memory any more.
   */
  poll(): { token: T; written: number } | undefined {
    this.#refresh();
    const idx = this.#view.used.load(IDX);
    if (idx === this.#used) return undefined;
    const ahead = (idx - this.#used) & 0xffff;
    if (ahead > ((this.#published - this.#used) & 0xffff)) {
      throw new QueueError('used', `the used index is ${ahead} ahead, more than the chains that the device has`);
    }
    const base = USED_RING + USED_BYTES * (this.#used & (this.#size - 1));
    const head = usedElem.id.get(this.#view.usedElements, base);
    const written = usedElem.len.get(this.#view.usedElements, base);
    const pending = head < this.#size ? this.#pending[head] : undefined;
    if (pending === undefined)
      throw new QueueError('used', `used entry ${this.#used} names chain ${head}, which the device does not have`);
    if (written > pending.writableLength) {
      throw new QueueError('used', `chain ${head} came back with ${written} bytes written, it takes ${pending.writableLength}`);
    }
    this.#pending[head] = undefined;
    this.#release(head, pending.descriptors);
    this.#used = (this.#used + 1) & 0xffff;
    return { token: pending.token, written };
  }

  /** Asks the device for interrupts. True if finished chains are waiting already: poll again, no interrupt will tell. */
  enableInterrupts(): boolean {
    this.#refresh();
    if (this.#features.eventIdx) this.#view.available.store(this.#view.usedEvent, this.#used);
    else this.#view.available.store(FLAGS, 0);
    return this.#view.used.load(IDX) !== this.#used;
  }

  /** Tells the device that interrupts are not needed for now. Some may come all the same. */
  disableInterrupts(): void {
    this.#refresh();
    // An event index just behind is not passed again for 65535 entries.
    if (this.#features.eventIdx) this.#view.available.store(this.#view.usedEvent, (this.#used - 1) & 0xffff);
    else this.#view.available.store(FLAGS, VIRTQ_AVAIL_F_NO_INTERRUPT);
  }

  #writeTable(address: number, readable: readonly GuestRange[], writable: readonly GuestRange[]): void {
    const parts = readable.length + writable.length;
    const table = new Uint8Array(parts * DESC_BYTES);
    this.#describe(new DataView(table.buffer), SUCCESSORS, 0, readable, writable);
    if (!this.#memory.write(address, table)) {
      throw new QueueError('usage', `the indirect table at 0x${address.toString(16)} is outside guest memory`);
    }
  }

  /** Writes the parts into entries of `table`, from `first` along `next`; returns the last entry. */
  #describe(
    table: DataView,
    next: Uint16Array,
    first: number,
    readable: readonly GuestRange[],
    writable: readonly GuestRange[],
  ): number {
    const parts = readable.length + writable.length;
    let index = first;
    let last = first;
    for (let part = 0; part < parts; part++) {
      const write = part >= readable.length;
      const range = (write ? writable[part - readable.length] : readable[part]) as GuestRange;
      const following = next[index] as number;
      const more = part + 1 < parts;
      const flags = (more ? VIRTQ_DESC_F_NEXT : 0) | (write ? VIRTQ_DESC_F_WRITE : 0);
      this.#put(table, index, range.address, range.length, flags, more ? following : 0);
      last = index;
      index = following;
    }
    return last;
  }

  #put(table: DataView, index: number, address: number, length: number, flags: number, next: number): void {
    const base = index * DESC_BYTES;
    desc.addr.set(table, base, address);
    desc.len.set(table, base, length);
    desc.flags.set(table, base, flags);
    desc.next.set(table, base, next);
  }

  #release(head: number, descriptors: number): void {
    let last = head;
    for (let i = 1; i < descriptors; i++) last = this.#next[last] as number;
    this.#next[last] = this.#firstFree;
    this.#firstFree = head;
    this.#free += descriptors;
  }

  #refresh(): void {
    if (!this.#view.refresh()) throw new QueueError('ring-gone', 'a part of the ring is no longer in guest memory');
  }
}

/** entry i is followed by i + 1, as in an indirect table */
const SUCCESSORS = Uint16Array.from({ length: 0x8000 }, (_, i) => i + 1);
