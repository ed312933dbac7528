// SPDX-License-Identifier: Apache-2.0
/**
 * A V4L2 node of this machine, open: `/dev/video0`. Calls go to the driver at once and may block for as long as it wants (a USB camera
 * that does not answer: seconds), so a node belongs into a thread of its own. The promises of the typed ioctls are settled when they
 * are returned.
 *
 * Structs are those of a 64-bit little-endian machine, which the wire has, too.
 */

import { constants as files } from 'node:fs';
import { constants } from 'node:os';
import {
  type BufferState,
  bytesOf,
  decodeBuffer,
  decodeEvent,
  encodeBuffer,
  type GuestBlock,
  type IoctlArrays,
  IoctlError,
  type IoctlInfo,
  type IoctlResult,
  ioctlInfo,
  ioctlName,
  isMultiplanar,
  type MediaEvent,
  TypedIoctls,
  V4L2_CAP_DEVICE_CAPS,
  V4L2_MEMORY_MMAP,
  VIDIOC_DQBUF,
  VIDIOC_DQEVENT,
  VIDIOC_QUERYBUF,
  VIDIOC_QUERYCAP,
  v4l2_buffer,
  v4l2_capability,
  v4l2_event,
  v4l2_ext_control,
  v4l2_ext_controls,
  v4l2_plane,
} from '@paravideo/core';
import { type EdgeInterest, type EdgePoll, Fd, ioctl, MemoryMapping, type Pinned, pinned, watch } from '../sys/index.ts';

const { errno } = constants;

/** Memory planes of a buffer at most: VIDEO_MAX_PLANES. */
const MAX_PLANES = 8;
/** Bytes of the largest payload of an ioctl, v4l2_create_buffers, with room to spare. */
const MAX_PAYLOAD = 512;
/** Controls of one call at most: V4L2_CID_MAX_CTRLS. */
const MAX_CONTROLS = 1024;
const PLANES_AT = MAX_PAYLOAD;
const CONTROLS_AT = PLANES_AT + MAX_PLANES * v4l2_plane.size;
const SCRATCH = CONTROLS_AT + MAX_CONTROLS * v4l2_ext_control.size;

/** What VIDIOC_QUERYCAP tells of a node. */
export interface NodeCapability {
  readonly driver: string;
  readonly card: string;
  readonly busInfo: string;
  /** V4L2_CAP_* of this node, not of all the nodes of its device */
  readonly caps: number;
}

/** The number of an ioctl as the kernel wants it: direction, length and letter around V4L2's number (asm-generic/ioctl.h). */
export function requestOf({ nr, dir, size }: Pick<IoctlInfo, 'nr' | 'dir' | 'size'>): number {
  const direction = { none: 0, W: 1, R: 2, WR: 3 }[dir];
  return direction * 2 ** 30 + size * 2 ** 16 + 0x56 * 2 ** 8 + nr;
}

/** See the top of the file. */
export class HostNode extends TypedIoctls implements Disposable {
  readonly path: string;
  readonly #fd: Fd;
  readonly #scratch: Pinned = pinned(SCRATCH);
  readonly #view: DataView = new DataView(this.#scratch.bytes.buffer);

  private constructor(path: string, fd: Fd) {
    super();
    this.path = path;
    this.#fd = fd;
  }

  /** Opens a node without waiting for frames in calls. Throws `SysError`: ENOENT, EACCES, EBUSY, ENODEV. */
  static open(path: string): HostNode {
    return new HostNode(path, Fd.open(path, files.O_RDWR | files.O_NONBLOCK));
  }

  /** Never rejects, and is settled when it returns. A number that V4L2 does not have is ENOTTY. */
  override ioctl(nr: number, payload?: Uint8Array | DataView, arrays: IoctlArrays = {}): Promise<IoctlResult> {
    return Promise.resolve(this.call(nr, bytesOf(payload), arrays));
  }

  protected override allocate(size: number): GuestBlock {
    const { address, bytes } = pinned(size);
    return { address, bytes, free: () => {} };
  }

  /** Throws `IoctlError`: ENOTTY where the node is no V4L2 device. */
  capability(): NodeCapability {
    const bytes = new Uint8Array(v4l2_capability.size);
    this.#must(VIDIOC_QUERYCAP, bytes);
    const view = new DataView(bytes.buffer);
    const at = v4l2_capability.fields;
    const text = (field: Uint8Array): string => new TextDecoder().decode(field).replace(/\0.*$/s, '');
    const all = at.capabilities.get(view, 0);
    return {
      driver: text(at.driver.get(view, 0)),
      card: text(at.card.get(view, 0)),
      busInfo: text(at.bus_info.get(view, 0)),
      caps: (all & V4L2_CAP_DEVICE_CAPS) === 0 ? all : at.device_caps.get(view, 0),
    };
  }

  /** A finished buffer; undefined if there is none yet. Throws `IoctlError`: ENODEV when the device is gone, EIO, EPIPE. */
  dequeue(type: number): BufferState | undefined {
    const { errno: result, buffer, planes } = this.rawBuffer(VIDIOC_DQBUF, type, 0);
    if (result === errno.EAGAIN) return undefined;
    if (result !== 0) throw new IoctlError(ioctlName(VIDIOC_DQBUF), result, this.path);
    return decodeBuffer(buffer, 0, planes, 0, MAX_PLANES);
  }

  /** What QUERYBUF tells of a buffer. Throws `IoctlError`. */
  describeBuffer(type: number, index: number): BufferState {
    const { errno: result, buffer, planes } = this.rawBuffer(VIDIOC_QUERYBUF, type, index);
    if (result !== 0) throw new IoctlError(ioctlName(VIDIOC_QUERYBUF), result, this.path);
    return decodeBuffer(buffer, 0, planes, 0, MAX_PLANES);
  }

  /** DQBUF or QUERYBUF with room for all planes: the structs as the kernel left them. */
  rawBuffer(
    nr: number,
    type: number,
    index: number,
  ): { readonly errno: number; readonly buffer: DataView<ArrayBuffer>; readonly planes: DataView<ArrayBuffer> } {
    const buffer = new DataView(new ArrayBuffer(v4l2_buffer.size));
    const planes = new DataView(new ArrayBuffer(isMultiplanar(type) ? MAX_PLANES * v4l2_plane.size : 0));
    const list = isMultiplanar(type) ? Array.from({ length: MAX_PLANES }, () => ({})) : [];
    encodeBuffer({ index, type, memory: V4L2_MEMORY_MMAP, planes: list }, buffer, planes);
    const result = this.call(nr, bytesOf(buffer), { planes });
    return { errno: result.errno, buffer, planes };
  }

  /** An event that was subscribed to; undefined if there is none. */
  event(): MediaEvent | undefined {
    const view = new DataView(new ArrayBuffer(v4l2_event.size));
    const result = this.call(VIDIOC_DQEVENT, bytesOf(view), {});
    return result.errno === 0 ? decodeEvent(view, 0) : undefined;
  }

  /** Maps a buffer's plane, by what QUERYBUF told of it. It stays as it is when the node is closed. Throws `SysError`. */
  map(offset: number, length: number, writable = false): MemoryMapping {
    return MemoryMapping.map(this.#fd, offset, length, { writable });
  }

  /** Has what comes up told by `poll`, with `token`, until it is removed there. */
  tell(poll: EdgePoll, token: number, interest: EdgeInterest): void {
    poll.add(this.#fd, token, interest);
  }

  /** The end of `tell`. */
  hush(poll: EdgePoll): void {
    poll.remove(this.#fd);
  }

  /** Calls `onReady` when there is something to dequeue, and over and over when the device is gone. */
  watch(onReady: () => void): Disposable {
    return watch(this.#fd, onReady);
  }

  /** Closes it: what streamed stops, its buffers go with the last mapping. */
  [Symbol.dispose](): void {
    this.#fd.close();
  }

  #must(nr: number, payload: Uint8Array): void {
    const result = this.call(nr, payload, {});
    if (result.errno !== 0) throw new IoctlError(ioctlName(nr), result.errno, this.path);
  }

  /**
   * `ioctl`, answered at once. `updated` says whether it succeeded; the struct and the arrays are what the kernel left there in any
   * case.
   */
  call(nr: number, payload: Uint8Array, arrays: IoctlArrays = {}): IoctlResult {
    const info = ioctlInfo(nr);
    const planes = bytesOf(arrays.planes);
    const controls = bytesOf(arrays.controls);
    if (info === undefined) return { errno: errno.ENOTTY, updated: false };
    if (payload.length !== info.size || planes.length > CONTROLS_AT - PLANES_AT || controls.length > SCRATCH - CONTROLS_AT) {
      return { errno: errno.EINVAL, updated: false };
    }
    const { address, bytes } = this.#scratch;
    bytes.set(payload, 0);
    bytes.set(planes, PLANES_AT);
    bytes.set(controls, CONTROLS_AT);
    if (planes.length > 0) this.#point(v4l2_buffer.fields.m.offset, address + PLANES_AT);
    if (controls.length > 0) this.#pointControls(controls.length / v4l2_ext_control.size, arrays.lists ?? []);
    const result = ioctl(this.#fd, requestOf(info), address);
    // The kernel copies a struct back with some errors, too: the index of the control that was refused comes that way.
    payload.set(bytes.subarray(0, payload.length));
    planes.set(bytes.subarray(PLANES_AT, PLANES_AT + planes.length));
    controls.set(bytes.subarray(CONTROLS_AT, CONTROLS_AT + controls.length));
    return { errno: result, updated: result === 0 };
  }

  #pointControls(count: number, lists: NonNullable<IoctlArrays['lists']>): void {
    const { address } = this.#scratch;
    this.#point(v4l2_ext_controls.fields.controls.offset, address + CONTROLS_AT);
    for (let i = 0; i < count; i++) {
      const payload = lists[i]?.[0];
      if (payload === undefined) continue;
      this.#point(CONTROLS_AT + i * v4l2_ext_control.size + v4l2_ext_control.fields.anon.offset, payload.address);
    }
  }

  #point(offset: number, address: number): void {
    this.#view.setBigUint64(offset, BigInt(address), true);
  }
}
