// SPDX-License-Identifier: Apache-2.0
/**
 * A descriptor chain as two streams of bytes: what the device reads and what it writes. Descriptor boundaries do not show
 * (P3). Addresses were copied and checked when the chain was taken; memory that went away since is simply not copied.
 */
import type { GuestMemory } from '../memory/guest-memory.ts';

/** The parts of a chain as address and length by turns, the readable ones first. Reused from chain to chain. */
export class ChainSegments {
  #pairs = new Float64Array(32);
  /** parts that the device reads */
  readable = 0;
  /** all parts */
  count = 0;

  clear(): void {
    this.readable = 0;
    this.count = 0;
  }

  add(address: number, length: number): void {
    if (2 * this.count === this.#pairs.length) {
      const larger = new Float64Array(2 * this.#pairs.length);
      larger.set(this.#pairs);
      this.#pairs = larger;
    }
    this.#pairs[2 * this.count] = address;
    this.#pairs[2 * this.count + 1] = length;
    this.count++;
  }

  address(index: number): number {
    return this.#pairs[2 * index] as number;
  }

  length(index: number): number {
    return this.#pairs[2 * index + 1] as number;
  }
}

/** Where the last copy ended, so that a chain read in order is not searched from its start each time. */
class ChainCursor {
  segment: number;
  /** offset of the segment in its stream */
  start = 0;

  constructor(segment: number) {
    this.segment = segment;
  }
}

/**
 * A chain that the device took from its queue. Once it was returned (`push`), or its queue was stopped (`void`), it copies
 * nothing any more.
 */
export class Chain {
  readonly #memory: GuestMemory;
  #segments: ChainSegments | undefined;
  #state: 'held' | 'returned' | 'void' = 'held';
  readonly #reading = new ChainCursor(0);
  readonly #writing: ChainCursor;
  /** names the chain in the ring: of a split ring the index of its first descriptor */
  readonly head: number;
  /** bytes that the device may read */
  readonly readableLength: number;
  /** bytes that the device may write */
  readonly writableLength: number;

  /** Made by its queue only. */
  constructor(memory: GuestMemory, head: number, segments: ChainSegments, readableLength: number, writableLength: number) {
    this.#memory = memory;
    this.#segments = segments;
    this.#writing = new ChainCursor(segments.readable);
    this.head = head;
    this.readableLength = readableLength;
    this.writableLength = writableLength;
  }

  /** Copies readable bytes from `offset` on into `into`; returns how many: fewer where the part ends or memory is gone. */
  read(offset: number, into: Uint8Array): number {
    if (this.#segments === undefined) return 0;
    return this.#copy(this.#segments, 0, this.#segments.readable, this.#reading, offset, into, false);
  }

  /** Copies `from` to the writable part from `offset` on; returns how many bytes: fewer where the part ends or memory is gone. */
  write(offset: number, from: Uint8Array): number {
    if (this.#segments === undefined) return 0;
    return this.#copy(this.#segments, this.#segments.readable, this.#segments.count, this.#writing, offset, from, true);
  }

  /** Whether the device still holds the chain, gave it back, or lost it when the queue stopped. */
  get state(): 'held' | 'returned' | 'void' {
    return this.#state;
  }

  /** Ends the chain and gives its segments back for reuse. For its queue only. */
  retire(state: 'returned' | 'void'): ChainSegments | undefined {
    const segments = this.#segments;
    this.#segments = undefined;
    this.#state = state;
    return segments;
  }

  #copy(
    segments: ChainSegments,
    first: number,
    end: number,
    cursor: ChainCursor,
    offset: number,
    bytes: Uint8Array,
    write: boolean,
  ): number {
    if (!(offset >= 0)) return 0;
    if (offset < cursor.start) {
      cursor.segment = first;
      cursor.start = 0;
    }
    let done = 0;
    while (cursor.segment < end) {
      const length = segments.length(cursor.segment);
      const skip = offset + done - cursor.start;
      if (skip < length) {
        if (done === bytes.length) break;
        const now = Math.min(length - skip, bytes.length - done);
        const part = now === bytes.length ? bytes : bytes.subarray(done, done + now);
        const address = segments.address(cursor.segment) + skip;
        if (!(write ? this.#memory.write(address, part) : this.#memory.read(address, part))) break;
        done += now;
        if (skip + now < length) break;
      }
      cursor.segment++;
      cursor.start += length;
    }
    return done;
  }
}
