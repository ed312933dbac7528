// SPDX-License-Identifier: Apache-2.0
/**
 * What a V4L2 device looks like to the protocol that carries it: sessions (open files), ioctls with their payload already
 * fetched into host memory, buffers that can be mapped, and events going out. Nothing here knows virtqueues.
 *
 * Handlers change the payload in place, as the kernel's do; the protocol writes it back. An errno is a value: 0 is
 * success. A handler that has to wait (for a worker, for the codec process) answers with a promise.
 */

import type { GuestRange } from '../../ports/buffer-memory.ts';
import type { ArenaBlock } from '../../ports/host-buffers.ts';

/** Memory of a guest application behind a pointer in a payload (string and compound controls). */
export interface UserMemory {
  /** A copy of the first `length` bytes of the scatter list; undefined if it is not all there (EFAULT). */
  read(ranges: readonly GuestRange[], length: number): Uint8Array | undefined;
  /** False if not all there (EFAULT). */
  write(ranges: readonly GuestRange[], bytes: Uint8Array): boolean;
}

/** One ioctl. All views are private copies: they may be kept for the length of the call and changed at will. */
export interface IoctlCall {
  /** number of the ioctl, `VIDIOC_…` of wire/ioctls */
  readonly nr: number;
  /** the payload struct, of the size in the ioctl table; zeroed where the driver sends nothing (R ioctls) */
  readonly payload: DataView;
  /**
   * `struct v4l2_plane` x n of a multi-planar QUERYBUF, QBUF or PREPARE_BUF: as many as the driver made room for
   * (0 to 8). Empty otherwise.
   */
  readonly planes: DataView;
  /** `struct v4l2_ext_control` x count of G/S/TRY_EXT_CTRLS. Empty otherwise. */
  readonly controls: DataView;
  /**
   * Scatter lists, one per plane (or one for a single-planar buffer) or one per control; empty lists where there is no
   * pointer. The list of a plane covers its `length`.
   */
  readonly lists: readonly (readonly GuestRange[])[];
  readonly memory: UserMemory;
  /**
   * Set by a handler that fails but changed the payload: the answer then carries it (VM-DX17). The ext-controls ioctls
   * always do (P6).
   */
  payloadOnError: boolean;
}

/** An EVT_DQBUF on its way. While it waits the guest cannot have the buffer back, whatever it says. */
export interface DequeueTicket {
  /** true until the guest has the event, or it was withdrawn */
  readonly waiting: boolean;
  /** Takes the event back if it still waits: the buffer returns by other means (STREAMOFF, REQBUFS). */
  withdraw(): void;
}

/** Where a session's events go. Calls queue; nothing is lost (P9). */
export interface SessionEvents {
  /**
   * EVT_DQBUF: 88 bytes of `v4l2_buffer` and n x 64 bytes of planes; copied before the call returns. Without a ticket the event
   * counts as delivered.
   */
  dequeue(buffer: DataView, planes: DataView | undefined): DequeueTicket | undefined;
  /** Buffers of the session that the guest may have mapped are gone. */
  buffersFreed(): void;
  /** EVT_EVENT: 136 bytes of `v4l2_event`; copied before the call returns. */
  event(event: DataView): void;
  /** EVT_ERROR, the last resort (P11): ends the session for good. */
  error(errno: number): void;
}

/** A plane that the guest may map. */
export interface MappablePlane {
  readonly block: ArenaBlock;
  /** length of the plane, what MMAP answers in `len` (VM-D5) */
  readonly length: number;
}

/** One open file of the device. */
export interface MediaSession {
  /** 0 or a positive errno. The protocol sends no other command of this session until a promise has settled. */
  ioctl(call: IoctlCall): number | Promise<number>;
  /** The plane whose `mem_offset` is `offset`. */
  plane(offset: number): MappablePlane | undefined;
  /**
   * Releases everything. Resolves when no memory of the guest is touched any more, also when it is called again. No event
   * follows the call.
   */
  close(): void | Promise<void>;
}

/** A device node. */
export interface MediaDevice {
  /** V4L2_CAP_* of the node; never 0, with STREAMING, without READWRITE (P15) */
  readonly deviceCaps: number;
  /** VFL_TYPE_*; 0 is video */
  readonly deviceType: number;
  /** shown as the card's name; cut to 32 bytes of UTF-8 */
  readonly card: string;
  /** A new session, or a positive errno. A device that has to ask somebody for it answers later. */
  open(events: SessionEvents): MediaSession | number | Promise<MediaSession | number>;
  /** What belongs to no session goes back to how it was at first: the guest's driver has reset the device. */
  reset?(): void;
}
