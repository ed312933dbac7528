// SPDX-License-Identifier: Apache-2.0
/**
 * The bounded walk over one descriptor chain (VIRTIO 1.4, 2.7.5; VU-V8 to VU-V12). Each descriptor is fetched once, field
 * by field, into locals; an indirect table is copied whole before its first entry is looked at. What is judged is always
 * the copy, never memory that the guest may be changing.
 *
 * A chain is any number of direct descriptors; the last one may refer to an indirect table instead, whose WRITE flag
 * means nothing (2.7.5.3.2).
 */
import { addressText } from '../../base/index.ts';
import type { GuestMemory } from '../../memory/guest-memory.ts';
import { VIRTQ_DESC_F_INDIRECT, VIRTQ_DESC_F_NEXT, VIRTQ_DESC_F_WRITE, virtq_desc } from '../../wire/index.ts';
import type { ChainSegments } from '../chain.ts';
import { QueueError, type QueueErrorCode } from '../queue-error.ts';

/** Bounds on one chain. */
export interface ChainLimits {
  /** descriptors with those of indirect tables, and entries of one indirect table */
  readonly maxDescriptors: number;
  /** bytes that the device reads */
  readonly maxBytes: number;
}

const { addr, len, flags: flagsField, next: nextField } = virtq_desc.fields;
const DESC_BYTES = virtq_desc.size;
/** A chain is at most 2^32 bytes long in all (2.7.4), and the used length has 32 bits. */
const MAX_CHAIN_BYTES = 2 ** 32 - 1;

/** Walks chains of one queue; holds the scratch memory for indirect tables and the totals of the last walk. */
export class ChainWalk {
  readonly #memory: GuestMemory;
  readonly #limits: ChainLimits;
  readonly #indirect: boolean;
  /** scratch by number of entries, rounded up to a power of two */
  readonly #scratch: DataView[] = [];
  /** the last table, cut to its length: most tables of a driver are of a few lengths */
  readonly #cut = new Map<number, Uint8Array>();
  #head = 0;
  #descriptors = 0;
  /** bytes the device may read, after a successful walk */
  readableLength = 0;
  /** bytes the device may write, after a successful walk */
  writableLength = 0;

  constructor(memory: GuestMemory, indirect: boolean, limits: ChainLimits) {
    this.#memory = memory;
    this.#indirect = indirect;
    this.#limits = limits;
  }

  /** Fills `segments` with the chain that starts at `head` of `table`. Answers what is wrong with the chain, if anything. */
  walk(table: DataView, size: number, head: number, segments: ChainSegments): QueueError | undefined {
    segments.clear();
    this.#head = head;
    this.#descriptors = 0;
    this.readableLength = 0;
    this.writableLength = 0;
    return this.#table(table, size, head, segments, false);
  }

  #table(table: DataView, entries: number, first: number, segments: ChainSegments, nested: boolean): QueueError | undefined {
    let index = first;
    for (let seen = 0; seen < entries; seen++) {
      const base = index * DESC_BYTES;
      const address = addr.get(table, base);
      const length = len.get(table, base);
      const flags = flagsField.get(table, base);
      const next = nextField.get(table, base);
      if ((flags & VIRTQ_DESC_F_INDIRECT) !== 0) {
        if (!this.#indirect) return this.#fail('indirect', 'it uses an indirect table, which was not negotiated');
        if (nested) return this.#fail('indirect', 'an indirect table refers to another one');
        if ((flags & VIRTQ_DESC_F_NEXT) !== 0) return this.#fail('indirect', 'it goes on after an indirect table');
        return this.#indirectTable(address, length, segments);
      }
      const error = this.#descriptor(address, length, (flags & VIRTQ_DESC_F_WRITE) !== 0, segments);
      if (error !== undefined || (flags & VIRTQ_DESC_F_NEXT) === 0) return error;
      if (next >= entries) return this.#fail('next-range', `next is ${next}, the table has ${entries} entries`);
      index = next;
    }
    return this.#fail('loop', `it has more descriptors than its table's ${entries}`);
  }

  #indirectTable(address: number, length: number, segments: ChainSegments): QueueError | undefined {
    const entries = length / DESC_BYTES;
    if (length === 0 || length % DESC_BYTES !== 0 || entries > this.#limits.maxDescriptors) {
      return this.#fail(
        'indirect-length',
        `an indirect table has ${length} bytes: a multiple of 16, at most ${this.#limits.maxDescriptors} entries`,
      );
    }
    const scratch = this.#scratchFor(entries);
    if (!this.#memory.read(address, this.#cutTo(scratch, length))) {
      return this.#fail('address', `an indirect table of ${length} bytes at ${addressText(address)} is outside guest memory`);
    }
    return this.#table(scratch, entries, 0, segments, true);
  }

  #descriptor(address: number, length: number, writable: boolean, segments: ChainSegments): QueueError | undefined {
    if (++this.#descriptors > this.#limits.maxDescriptors) {
      return this.#fail('too-many-descriptors', `it has more than ${this.#limits.maxDescriptors} descriptors`);
    }
    if (writable) this.writableLength += length;
    else if (this.writableLength > 0 || segments.readable < segments.count) {
      return this.#fail('order', 'a readable descriptor follows a writable one');
    } else this.readableLength += length;
    if (this.readableLength > this.#limits.maxBytes) {
      return this.#fail('too-many-bytes', `its readable part is longer than ${this.#limits.maxBytes} bytes`);
    }
    if (this.readableLength + this.writableLength > MAX_CHAIN_BYTES) {
      return this.#fail('too-many-bytes', `it is longer than ${MAX_CHAIN_BYTES} bytes`);
    }
    if (length > 0 && !this.#memory.covers(address, length)) {
      return this.#fail('address', `a buffer of ${length} bytes at ${addressText(address)} is outside guest memory`);
    }
    segments.add(address, length);
    if (!writable) segments.readable = segments.count;
    return undefined;
  }

  /** Room for a table of `entries`, kept: one piece of memory per power of two. */
  #scratchFor(entries: number): DataView {
    const step = 32 - Math.clz32(entries - 1);
    const existing = this.#scratch[step];
    if (existing !== undefined) return existing;
    const made = new DataView(new ArrayBuffer(DESC_BYTES * 2 ** step));
    this.#scratch[step] = made;
    return made;
  }

  #cutTo(scratch: DataView, length: number): Uint8Array {
    // Short tables, which all commands but those with long scatter lists have, get a view that stays.
    const keep = length <= 64 * DESC_BYTES;
    const existing = keep ? this.#cut.get(length) : undefined;
    if (existing !== undefined) return existing;
    const made = new Uint8Array(scratch.buffer, 0, length);
    if (keep) this.#cut.set(length, made);
    return made;
  }

  #fail(code: QueueErrorCode, message: string): QueueError {
    return new QueueError(code, `chain ${this.#head}: ${message}`);
  }
}
