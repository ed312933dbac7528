// SPDX-License-Identifier: Apache-2.0
/**
 * One buffer of a proxied queue: the driver's own, and beside it the guest's memory, a block of the arena or pages of the guest.
 *
 *   free --PREPARE_BUF--> prepared --QBUF--> queued --the driver is done--> returning --EVT_DQBUF--> free
 *      \_______________QBUF___________________^
 */
import type { ArenaBlock, BufferMemory, GuestRange, PlaneStorage } from '../../ports/index.ts';
import type { DequeueTicket } from '../framework/media-device.ts';

/** Where a buffer is, as far as the guest's memory is concerned: the rest is the driver's to know. */
export type ProxyBufferState = 'free' | 'prepared' | 'queued' | 'returning';

/** One plane. */
export interface ProxyPlane {
  /** the driver's memory, which is copied from or to */
  storage: PlaneStorage;
  /** bytes of the driver's plane: the least that a SHARED_PAGES buffer must bring */
  readonly needed: number;
  /** bytes of the guest's plane */
  length: number;
  /** the guest's memory, of an MMAP buffer */
  readonly block: ArenaBlock | undefined;
  /** the guest's memory, of a SHARED_PAGES buffer: what QBUF brought */
  ranges: readonly GuestRange[];
}

/** A buffer. */
export class ProxyBuffer {
  readonly index: number;
  readonly planes: readonly ProxyPlane[];
  state: ProxyBufferState = 'free';
  /** the last EVT_DQBUF */
  ticket: DequeueTicket | undefined;

  constructor(index: number, planes: readonly ProxyPlane[]) {
    this.index = index;
    this.planes = planes;
  }

  /** True while the guest has not heard that it is done: it can be neither queued nor removed. */
  get away(): boolean {
    return this.state === 'returning' || this.ticket?.waiting === true;
  }

  /** The guest's memory, plane by plane. */
  get memory(): readonly BufferMemory[] {
    return this.planes.map(({ block, ranges, length }) =>
      block === undefined ? { kind: 'guest', ranges, length } : { kind: 'arena', offset: block.offset, length },
    );
  }

  /** The first `bytes[i]` bytes of each plane of the driver's memory, and no more than both sides have. */
  stored(bytes: readonly number[]): readonly PlaneStorage[] {
    return this.planes.map(({ storage, needed, length }, i) => cut(storage, Math.min(bytes[i] ?? 0, needed, length)));
  }
}

function cut(storage: PlaneStorage, length: number): PlaneStorage {
  switch (storage.kind) {
    case 'bytes':
      return { kind: 'bytes', bytes: storage.bytes.subarray(0, length) };
    case 'address':
      return { kind: 'address', address: storage.address, length };
  }
}
