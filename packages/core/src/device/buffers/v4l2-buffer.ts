// SPDX-License-Identifier: Apache-2.0
/**
 * One buffer of a queue.
 *
 *   dequeued --PREPARE_BUF--> prepared --QBUF--> queued --take--> active --done--> dequeued
 *       \______________________QBUF______________^
 *
 * STREAMOFF and REQBUFS(0) lead back to dequeued from everywhere. V4L2's "done" is a dequeued buffer whose EVT_DQBUF has
 * not reached the guest (`returning`): it can be neither queued nor removed. What the guest has may wait there for the application.
 */
import type { ArenaBlock, BufferMemory, GuestRange } from '../../ports/index.ts';
import type { DequeueTicket } from '../framework/media-device.ts';

/** Where a buffer is. */
export type QueueBufferState = 'dequeued' | 'prepared' | 'queued' | 'active';

/** Memory behind one plane. */
export type PlaneBacking =
  | { readonly kind: 'mmap'; readonly block: ArenaBlock }
  | { kind: 'userptr'; ranges: readonly GuestRange[] };

/** One plane of a buffer. */
export interface V4l2Plane {
  /** what the format needs, bytes: the least that a QBUF must bring */
  readonly minLength: number;
  /** bytes of the plane */
  length: number;
  readonly backing: PlaneBacking;
  /** bytes with data: from QBUF for output queues, from `done` for capture queues */
  bytesUsed: number;
  /** where the data begins; output queues only */
  dataOffset: number;
}

/** A buffer. `flags`, `field`, `timestamp` and `timecode` are what QBUF brought (output) or what the device made of it. */
export interface V4l2Buffer {
  readonly index: number;
  /** V4L2_MEMORY_* */
  readonly memory: number;
  readonly planes: readonly V4l2Plane[];
  state: QueueBufferState;
  /** the last EVT_DQBUF of the buffer */
  returning: DequeueTicket | undefined;
  /** V4L2_BUF_FLAG_*, without those that follow from the state */
  flags: number;
  field: number;
  /** raw `struct timeval` */
  timestamp: Uint8Array;
  /** raw `struct v4l2_timecode` */
  timecode: Uint8Array;
  sequence: number;
}

/** The memory of a buffer, plane by plane, for a `BufferAccess`, a decoder or a copy. */
export function bufferMemory(buffer: V4l2Buffer): readonly BufferMemory[] {
  return buffer.planes.map(({ backing, length }) =>
    backing.kind === 'mmap'
      ? { kind: 'arena', offset: backing.block.offset, length }
      : { kind: 'guest', ranges: backing.ranges, length },
  );
}
