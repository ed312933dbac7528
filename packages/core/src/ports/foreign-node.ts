// SPDX-License-Identifier: Apache-2.0
/**
 * A V4L2 node that is elsewhere, in the kernel below the daemon: what a proxy device hands through. Structs are those of the wire, which
 * are a 64-bit machine's. Pointers in them are the adapter's: what stands there in a request is ignored.
 */
import type { PlaneStorage } from './buffer-memory.ts';

/** One ioctl. */
export interface NodeRequest {
  /** number of the ioctl, `VIDIOC_…` */
  readonly nr: number;
  /** the struct, of the size in the ioctl table */
  readonly payload: Uint8Array;
  /** `struct v4l2_plane` x n: of a multi-planar QUERYBUF, QBUF or PREPARE_BUF */
  readonly planes?: Uint8Array;
  /** `struct v4l2_ext_control` x n: of G/S/TRY_EXT_CTRLS */
  readonly controls?: Uint8Array;
  /** what stands behind the pointer of each control that has a size; undefined for the others */
  readonly contents?: readonly (Uint8Array | undefined)[];
}

/** What an ioctl came to; struct and arrays as they came back. */
export interface NodeAnswer {
  /** 0 or a positive errno; ENODEV when the device is gone */
  readonly errno: number;
  readonly payload: Uint8Array;
  readonly planes: Uint8Array;
  readonly controls: Uint8Array;
  readonly contents: readonly (Uint8Array | undefined)[];
}

/** A buffer of the driver. Its memory stays until buffers are asked for again, or the node is closed. */
export interface NodeBuffer {
  readonly index: number;
  readonly planes: readonly PlaneStorage[];
}

/** What ioctls about buffers came to. */
export interface NodeBuffersAnswer extends NodeAnswer {
  /**
   * Those that were made. After a REQBUFS that failed, those that there were before: their memory may lie elsewhere now.
   */
  readonly buffers: readonly NodeBuffer[];
}

/** What an open node tells by itself, in order with its answers. */
export interface NodeEvents {
  /** A buffer is done: what VIDIOC_DQBUF gave, 88 bytes and n x 64 bytes. */
  done(buffer: DataView, planes: DataView): void;
  /** The queue of this V4L2_BUF_TYPE_* gives no buffer back until STREAMOFF. */
  failed(type: number): void;
  /** 136 bytes of `v4l2_event` */
  event(event: DataView): void;
  /** The device is gone: every further call is ENODEV, and no buffer comes back. */
  gone(): void;
  /** Whoever carried out the calls died: the open node is lost for good. */
  lost(): void;
}

/** An open node. Calls are carried out in order. */
export interface ForeignNode {
  /** Any ioctl but those of `buffers`. Never rejects. */
  call(request: NodeRequest): Promise<NodeAnswer>;
  /** REQBUFS, CREATE_BUFS and REMOVE_BUFS, with V4L2_MEMORY_MMAP. No buffer of the queue may be used by anybody meanwhile. */
  buffers(request: NodeRequest): Promise<NodeBuffersAnswer>;
  /** Closes it; no event follows the call. Resolves when others may have what it held, or a driver takes too long for that. */
  close(): Promise<void>;
}

/** Opens the node once more. Resolves to a positive errno if it cannot be had. */
export type OpenNode = (events: NodeEvents) => Promise<ForeignNode | number>;

/** Counts bytes that somebody may have no more than so many of. */
export interface ByteBudget {
  /** False if that would be too many; nothing is taken then. */
  take(bytes: number): boolean;
  give(bytes: number): void;
}
