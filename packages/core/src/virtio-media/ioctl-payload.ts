// SPDX-License-Identifier: Apache-2.0
/**
 * The payload of an IOCTL command: fetched once, cut into struct, arrays and scatter lists, and put together again for the
 * answer with the pointers the driver sent (VIRTIO 1.4, 5.22.6, V4L2 ioctls).
 */

import type { IoctlCall, UserMemory } from '../device/framework/media-device.ts';
import type { GuestMemory } from '../memory/guest-memory.ts';
import type { GuestRange } from '../ports/buffer-memory.ts';
import { Errno } from '../wire/errno.gen.ts';
import { VIRTIO_MEDIA_MAX_PLANES } from '../wire/media/virtio-media.ts';
import { isMultiplanar } from '../wire/v4l2/buffer-type.ts';
import {
  IOCTLS,
  type IoctlInfo,
  VIDIOC_EXPBUF,
  VIDIOC_G_EXT_CTRLS,
  VIDIOC_PREPARE_BUF,
  VIDIOC_QBUF,
  VIDIOC_QUERYBUF,
  VIDIOC_S_EXT_CTRLS,
  VIDIOC_TRY_EXT_CTRLS,
} from '../wire/v4l2/ioctls.gen.ts';
import { v4l2_buffer, v4l2_exportbuffer, v4l2_ext_control, v4l2_ext_controls, v4l2_plane } from '../wire/v4l2/videodev2.ts';
import { V4L2_MEMORY_DMABUF, V4L2_MEMORY_USERPTR } from '../wire/v4l2/videodev2-constants.gen.ts';
import { MAX_CONTROL_BYTES, MAX_CONTROLS, MAX_PLANE_BYTES } from './limits.ts';
import { ScatterListReader } from './scatter-list.ts';
import type { StructSpace, StructSpaces } from './struct-space.ts';

const byNumber: (IoctlInfo | undefined)[] = [];
for (const info of IOCTLS) byNumber[info.nr] = info;

/** The ioctl with this number, if <linux/videodev2.h> has one (VM-DX4). */
export function ioctlInfo(nr: number): IoctlInfo | undefined {
  return byNumber[nr];
}

const NO_BYTES = new DataView(new ArrayBuffer(0));
const NO_LISTS: readonly (readonly GuestRange[])[] = [];

/** What follows the struct, by ioctl. */
type PayloadShape = 'plain' | 'buffer' | 'controls';

function shapeOf(nr: number): PayloadShape {
  switch (nr) {
    case VIDIOC_QUERYBUF:
    case VIDIOC_QBUF:
    case VIDIOC_PREPARE_BUF:
      return 'buffer';
    case VIDIOC_G_EXT_CTRLS:
    case VIDIOC_S_EXT_CTRLS:
    case VIDIOC_TRY_EXT_CTRLS:
      return 'controls';
    default:
      return 'plain';
  }
}

/** One IOCTL command on its way through the device. */
export class IoctlPayload implements IoctlCall {
  readonly nr: number;
  readonly payload: DataView;
  planes = NO_BYTES;
  controls = NO_BYTES;
  lists = NO_LISTS;
  readonly memory: UserMemory;
  payloadOnError: boolean;

  readonly #info: IoctlInfo;
  readonly #shape: PayloadShape;
  readonly #space: StructSpace;
  /** struct and, once they were found, arrays exactly as the driver sent them: where returned pointers come from */
  #sent: Uint8Array;

  private constructor(info: IoctlInfo, shape: PayloadShape, space: StructSpace, memory: UserMemory) {
    this.nr = info.nr;
    this.#info = info;
    this.#shape = shape;
    this.#space = space;
    this.#sent = space.sent;
    this.memory = memory;
    this.payload = space.view;
    this.payloadOnError = shape === 'controls';
  }

  /**
   * Cuts up the bytes that follow `virtio_media_cmd_ioctl`. Answers the payload and, if the command is refused before any
   * device sees it, the errno. Surplus bytes are ignored (P4). `bytes` must be a private copy, and may change afterwards.
   * The struct lies in a space of `spaces` until `release`.
   */
  static parse(
    info: IoctlInfo,
    bytes: Uint8Array,
    memory: GuestMemory,
    user: UserMemory,
    spaces: StructSpaces,
  ): { call: IoctlPayload; errno: number } {
    const shape = shapeOf(info.nr);
    // An R ioctl has no payload in the readable part; whatever is there anyway is not looked at (VM-DX5).
    const reads = info.dir === 'W' || info.dir === 'WR';
    const whole = reads && bytes.length >= info.size;
    const space = spaces.take(info.size);
    space.fill(whole ? bytes.subarray(0, info.size) : undefined);
    const call = new IoctlPayload(info, shape, space, user);
    if (reads && !whole) return { call, errno: Errno.EINVAL };
    if (shape === 'plain') return { call, errno: 0 };
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    if (shape === 'buffer') return { call, errno: call.#parseBuffer(view, memory) };
    return { call, errno: call.#parseControls(view, memory) };
  }

  #parseBuffer(view: DataView, memory: GuestMemory): number {
    const f = v4l2_buffer.fields;
    const length = f.length.get(view, 0);
    let at = v4l2_buffer.size;
    const multi = isMultiplanar(f.type.get(view, 0));
    if (multi && length > 0) {
      const size = length * v4l2_plane.size;
      if (length > VIRTIO_MEDIA_MAX_PLANES || at + size > view.byteLength) return Errno.EINVAL;
      this.planes = this.#array(view, at, size);
      at += size;
    }
    if (this.nr === VIDIOC_QUERYBUF || f.memory.get(view, 0) !== V4L2_MEMORY_USERPTR) return 0;
    const lengths = multi
      ? Array.from({ length }, (_, i) => v4l2_plane.fields.length.get(this.planes, i * v4l2_plane.size))
      : [length];
    if (lengths.some((one) => one > MAX_PLANE_BYTES)) return Errno.EINVAL;
    return this.#readLists(new ScatterListReader(view, at, memory), lengths);
  }

  #parseControls(view: DataView, memory: GuestMemory): number {
    const count = v4l2_ext_controls.fields.count.get(view, 0);
    let at = v4l2_ext_controls.size;
    const size = count * v4l2_ext_control.size;
    if (count > MAX_CONTROLS || at + size > view.byteLength) return Errno.EINVAL;
    this.controls = this.#array(view, at, size);
    at += size;
    const sizes = Array.from({ length: count }, (_, i) =>
      v4l2_ext_control.fields.size.get(this.controls, i * v4l2_ext_control.size),
    );
    if (sizes.reduce((sum, one) => sum + one, 0) > MAX_CONTROL_BYTES) return Errno.ENOSPC;
    return this.#readLists(new ScatterListReader(view, at, memory), sizes);
  }

  /** Keeps the array that follows the struct, once to be changed and once as it came. */
  #array(view: DataView, at: number, size: number): DataView<ArrayBuffer> {
    const whole = new Uint8Array(view.buffer, view.byteOffset, at + size);
    this.#sent = whole.slice();
    return new DataView(new Uint8Array(whole.subarray(at)).buffer);
  }

  #readLists(reader: ScatterListReader, lengths: readonly number[]): number {
    const lists: (readonly GuestRange[])[] = [];
    for (const length of lengths) {
      const list = reader.next(length);
      if (typeof list === 'number') return list;
      lists.push(list);
    }
    this.lists = lists;
    return 0;
  }

  /** Gives the struct's space back for other commands, once. Whoever was shown this payload must not look at it afterwards. */
  release(spaces: StructSpaces): void {
    spaces.give(this.#space);
  }

  /** Bytes of the payload in the answer of a success: what the writable part must have room for besides its header. */
  get answerBytes(): number {
    if (this.#info.dir !== 'R' && this.#info.dir !== 'WR') return 0;
    return this.#info.size + this.planes.byteLength + this.controls.byteLength;
  }

  /** Writes struct and arrays, with the driver's own pointers in them, to `into` at `at`; answers the bytes written. */
  answer(into: Uint8Array, at: number): number {
    this.#restorePointers();
    let end = at;
    into.set(this.#space.bytes, end);
    end += this.#space.bytes.length;
    for (const part of [this.planes, this.controls]) {
      if (part.byteLength === 0) continue;
      into.set(new Uint8Array(part.buffer, part.byteOffset, part.byteLength), end);
      end += part.byteLength;
    }
    return end - at;
  }

  /** VM-D3, VM-D7, VM-D8: pointers and fds belong to the driver; whatever a device made of them goes back as it came. */
  #restorePointers(): void {
    if (this.#shape === 'buffer') {
      const foreign = this.#isForeignMemory();
      const { m } = v4l2_buffer.fields;
      if (this.planes.byteLength > 0 || foreign) this.#restore(this.payload, m.offset, m.offset, m.size);
      if (!foreign) return;
      const at = v4l2_plane.fields.m.offset;
      for (let plane = 0; plane < this.planes.byteLength; plane += v4l2_plane.size) {
        this.#restore(this.planes, plane + at, v4l2_buffer.size + plane + at, m.size);
      }
    } else if (this.#shape === 'controls') {
      if (this.controls.byteLength === 0) return;
      const { controls } = v4l2_ext_controls.fields;
      this.#restore(this.payload, controls.offset, controls.offset, controls.size);
      const { anon } = v4l2_ext_control.fields;
      this.lists.forEach((list, i) => {
        const at = i * v4l2_ext_control.size + anon.offset;
        if (list.length > 0) this.#restore(this.controls, at, v4l2_ext_controls.size + at, anon.size);
      });
    } else if (this.nr === VIDIOC_EXPBUF) {
      const { fd } = v4l2_exportbuffer.fields;
      this.#restore(this.payload, fd.offset, fd.offset, fd.size);
    }
  }

  #isForeignMemory(): boolean {
    const memory = v4l2_buffer.fields.memory.get(this.payload, 0);
    return memory === V4L2_MEMORY_USERPTR || memory === V4L2_MEMORY_DMABUF;
  }

  #restore(target: DataView, to: number, from: number, length: number): void {
    new Uint8Array(target.buffer, target.byteOffset + to, length).set(this.#sent.subarray(from, from + length));
  }
}
