// SPDX-License-Identifier: Apache-2.0
/** What one ioctl of an open V4L2 file takes and gives, wherever the file is. */
import type { GuestRange } from '../../ports/buffer-memory.ts';
import { IOCTLS, type IoctlInfo } from '../../wire/v4l2/ioctls.gen.ts';

/** What goes with the payload of an ioctl. The arrays are updated in place, as the payload is. */
export interface IoctlArrays {
  /** `struct v4l2_plane` x n */
  readonly planes?: Uint8Array | DataView;
  /** `struct v4l2_ext_control` x n */
  readonly controls?: Uint8Array | DataView;
  /** one scatter list per pointer with a length, in order */
  readonly lists?: readonly (readonly GuestRange[])[];
}

/** What an ioctl came to. */
export interface IoctlResult {
  /** 0 or a positive errno */
  readonly errno: number;
  /** true if the device sent the payload back, so that it was updated in place; always on success (VM-R4) */
  readonly updated: boolean;
}

const BY_NR = new Map<number, IoctlInfo>(IOCTLS.map((info) => [info.nr, info]));

/** What is known of an ioctl; undefined for a number that V4L2 does not have. */
export function ioctlInfo(nr: number): IoctlInfo | undefined {
  return BY_NR.get(nr);
}

/** Name of an ioctl: `VIDIOC_S_FMT`, or its number. */
export function ioctlName(nr: number): string {
  return BY_NR.get(nr)?.name ?? `ioctl ${nr}`;
}

const NOTHING = new Uint8Array(0);

/** The bytes of a payload or an array; none if it is left out. */
export function bytesOf(data: Uint8Array | DataView | undefined): Uint8Array {
  if (data === undefined) return NOTHING;
  return data instanceof Uint8Array ? data : new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
