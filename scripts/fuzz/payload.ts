// SPDX-License-Identifier: Apache-2.0
/**
 * Commands that are nearly right: a struct of the right size with plausible members, of which a few are then replaced by
 * numbers that hurt. What the device said before (session ids, offsets, mappings) is used again.
 */
import {
  IOCTLS,
  type IoctlInfo,
  V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE,
  V4L2_CID_BRIGHTNESS,
  V4L2_CID_MIN_BUFFERS_FOR_CAPTURE,
  V4L2_CID_TEST_PATTERN,
  V4L2_EVENT_CTRL,
  V4L2_EVENT_EOS,
  V4L2_EVENT_SOURCE_CHANGE,
  V4L2_PIX_FMT_NV12,
  V4L2_PIX_FMT_NV12M,
  V4L2_PIX_FMT_YUV420M,
  V4L2_PIX_FMT_YUYV,
  VIDIOC_CREATE_BUFS,
  VIDIOC_DECODER_CMD,
  VIDIOC_ENCODER_CMD,
  VIDIOC_ENUM_FMT,
  VIDIOC_ENUM_FRAMEINTERVALS,
  VIDIOC_ENUM_FRAMESIZES,
  VIDIOC_G_CTRL,
  VIDIOC_G_EXT_CTRLS,
  VIDIOC_G_FMT,
  VIDIOC_G_PARM,
  VIDIOC_G_SELECTION,
  VIDIOC_PREPARE_BUF,
  VIDIOC_QBUF,
  VIDIOC_QUERY_EXT_CTRL,
  VIDIOC_QUERYBUF,
  VIDIOC_QUERYCTRL,
  VIDIOC_QUERYMENU,
  VIDIOC_REMOVE_BUFS,
  VIDIOC_REQBUFS,
  VIDIOC_S_CTRL,
  VIDIOC_S_EXT_CTRLS,
  VIDIOC_S_FMT,
  VIDIOC_S_PARM,
  VIDIOC_S_SELECTION,
  VIDIOC_STREAMOFF,
  VIDIOC_STREAMON,
  VIDIOC_SUBSCRIBE_EVENT,
  VIDIOC_TRY_EXT_CTRLS,
  VIDIOC_TRY_FMT,
  VIDIOC_UNSUBSCRIBE_EVENT,
  v4l2_buffer,
  v4l2_create_buffers,
  v4l2_ext_control,
  v4l2_ext_controls,
  v4l2_format,
  v4l2_plane,
  v4l2_requestbuffers,
} from '@paravideo/core';
import { type Random, TOY_FOURCC } from '@paravideo/core/testing';

/** The ioctls that lead somewhere, the busiest several times. */
const BUSY: readonly number[] = [
  ...Array.from({ length: 6 }, () => VIDIOC_QBUF),
  ...Array.from({ length: 3 }, () => [VIDIOC_REQBUFS, VIDIOC_STREAMON, VIDIOC_S_FMT]).flat(),
  VIDIOC_QUERYBUF,
  VIDIOC_PREPARE_BUF,
  VIDIOC_CREATE_BUFS,
  VIDIOC_REMOVE_BUFS,
  VIDIOC_STREAMOFF,
  VIDIOC_G_FMT,
  VIDIOC_TRY_FMT,
  VIDIOC_ENUM_FMT,
  VIDIOC_ENUM_FRAMESIZES,
  VIDIOC_ENUM_FRAMEINTERVALS,
  VIDIOC_G_PARM,
  VIDIOC_S_PARM,
  VIDIOC_G_SELECTION,
  VIDIOC_S_SELECTION,
  VIDIOC_G_CTRL,
  VIDIOC_S_CTRL,
  VIDIOC_QUERYCTRL,
  VIDIOC_QUERYMENU,
  VIDIOC_QUERY_EXT_CTRL,
  VIDIOC_G_EXT_CTRLS,
  VIDIOC_S_EXT_CTRLS,
  VIDIOC_TRY_EXT_CTRLS,
  VIDIOC_SUBSCRIBE_EVENT,
  VIDIOC_UNSUBSCRIBE_EVENT,
  VIDIOC_DECODER_CMD,
  VIDIOC_ENCODER_CMD,
];
const FOURCCS = [V4L2_PIX_FMT_NV12, V4L2_PIX_FMT_NV12M, V4L2_PIX_FMT_YUV420M, V4L2_PIX_FMT_YUYV, TOY_FOURCC, 0];
const CONTROLS = [
  V4L2_CID_BRIGHTNESS,
  V4L2_CID_TEST_PATTERN,
  V4L2_CID_MIN_BUFFERS_FOR_CAPTURE,
  0x00980001,
  0x80000000,
  0xc0000000,
];
const NASTY = [0, 1, 2, 3, 7, 8, 9, 31, 32, 64, 0x7fff_ffff, 0x8000_0000, 0xffff_fffe, 0xffff_ffff, 0x1_0000, 4095, 4096];
/** The timestamp that every PREPARE_BUF brings. It is not stored, so no answer and no event may have it. */
export const PREPARED_STAMP = Uint8Array.from('PREPARED', (char) => char.charCodeAt(0));
const byNumber = new Map<number, IoctlInfo>(IOCTLS.map((info) => [info.nr, info]));

/** What the generator knows of the guest. */
export interface PayloadContext {
  /** V4L2_BUF_TYPE_* that the device has */
  readonly types: readonly number[];
  /** V4L2_MEMORY_* that the guest mostly uses now */
  readonly memory: number;
  /** guest memory of `length` bytes with coded data at its beginning */
  coded(length: number): { address: number; length: number };
  /** a piece of guest memory of `length` bytes that data may be in; its length is at least that, or 0 if there is none */
  data(length: number): { address: number; length: number };
}

/** An ioctl: number, bytes to send, bytes that an answer may take. */
export interface IoctlPayloadBytes {
  readonly nr: number;
  readonly bytes: Uint8Array;
  readonly room: number;
}

/** Makes one. */
export function randomIoctl(random: Random, context: PayloadContext): IoctlPayloadBytes {
  const nr = random.once(12) ? (random.once(3) ? random.below(2 ** 32) : random.pick(IOCTLS).nr) : random.pick(BUSY);
  const info = byNumber.get(nr);
  const head = new Uint8Array(info?.size ?? random.below(64));
  const view = new DataView(head.buffer);
  let tail: Uint8Array[] = [];
  const buffers = nr === VIDIOC_QBUF || nr === VIDIOC_QUERYBUF || nr === VIDIOC_PREPARE_BUF;
  const controls = nr === VIDIOC_G_EXT_CTRLS || nr === VIDIOC_S_EXT_CTRLS || nr === VIDIOC_TRY_EXT_CTRLS;
  if (buffers) tail = buffer(random, context, view);
  if (nr === VIDIOC_PREPARE_BUF) head.set(PREPARED_STAMP, v4l2_buffer.fields.timestamp.offset);
  else if (controls) tail = extControls(random, context, view);
  else fill(random, context, nr, view);
  mutate(random, head, 9);
  for (const part of tail) mutate(random, part, 12);
  let bytes = concat(info?.dir === 'R' ? [] : [head, ...tail]);
  if (random.once(25)) bytes = bytes.subarray(0, random.below(bytes.length + 1));
  else if (random.once(24)) bytes = concat([bytes, new Uint8Array(random.below(200))]);
  // The room of an answer: struct and arrays, but not the lists behind them.
  const arrays = (buffers || controls) && tail[0] !== undefined ? tail[0].length : 0;
  const exact = info?.dir === 'W' || info === undefined ? 0 : head.length + arrays;
  const room = random.once(20) ? random.below(exact + 64) : exact + (random.once(6) ? random.below(300) : 0);
  return { nr, bytes, room };
}

/**
 * All that it takes to stream on one queue, in order and without a mistake: so that the random rest meets a device at work.
 * The planes are those of NV12, 64x48; coded data goes to queues whose type is an output's.
 */
export function streaming(random: Random, context: PayloadContext): IoctlPayloadBytes[] {
  return [...context.types].reverse().flatMap((type) => {
    const coded = type === V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE;
    const made: IoctlPayloadBytes[] = [];
    const ioctl = (
      nr: number,
      size: number,
      answer: number,
      set: (view: DataView) => void,
      tail: Uint8Array[] = [],
      echoed = 0,
    ): void => {
      const head = new Uint8Array(size);
      set(new DataView(head.buffer));
      made.push({ nr, bytes: concat([head, ...tail]), room: answer + echoed });
    };
    const memory = coded ? 2 : context.memory === 4 ? 1 : context.memory;
    ioctl(VIDIOC_STREAMOFF, 4, 0, (view) => view.setUint32(0, type, true));
    ioctl(VIDIOC_REQBUFS, v4l2_requestbuffers.size, v4l2_requestbuffers.size, (view) => {
      v4l2_requestbuffers.fields.type.set(view, 0, type);
      v4l2_requestbuffers.fields.memory.set(view, 0, memory);
    });
    ioctl(VIDIOC_SUBSCRIBE_EVENT, 32, 0, (view) => {
      view.setUint32(0, coded ? V4L2_EVENT_SOURCE_CHANGE : context.types.length > 1 ? V4L2_EVENT_EOS : V4L2_EVENT_CTRL, true);
      if (context.types.length === 1) view.setUint32(4, V4L2_CID_BRIGHTNESS, true);
    });
    ioctl(VIDIOC_S_FMT, v4l2_format.size, v4l2_format.size, (view) => {
      v4l2_format.fields.type.set(view, 0, type);
      const pix = type >= 9 ? v4l2_format.fields.fmt.fields.pix_mp.fields : v4l2_format.fields.fmt.fields.pix.fields;
      pix.width.set(view, 0, 64);
      pix.height.set(view, 0, 48);
      pix.pixelformat.set(view, 0, coded ? TOY_FOURCC : V4L2_PIX_FMT_NV12);
      if (coded) v4l2_format.fields.fmt.fields.pix_mp.fields.plane_fmt.at(0).fields.sizeimage.set(view, 0, 8192);
    });
    ioctl(VIDIOC_REQBUFS, v4l2_requestbuffers.size, v4l2_requestbuffers.size, (view) => {
      v4l2_requestbuffers.fields.count.set(view, 0, 4);
      v4l2_requestbuffers.fields.type.set(view, 0, type);
      v4l2_requestbuffers.fields.memory.set(view, 0, memory);
    });
    ioctl(VIDIOC_STREAMON, 4, 0, (view) => view.setUint32(0, type, true));
    for (let index = 0; index < 4; index++) {
      const length = coded ? 8192 + 65536 : 4608;
      const multi = type >= 9;
      const plane = new Uint8Array(multi ? v4l2_plane.size : 0);
      if (multi) {
        v4l2_plane.fields.length.set(new DataView(plane.buffer), 0, length);
        v4l2_plane.fields.bytesused.set(new DataView(plane.buffer), 0, coded ? 32 * (1 + random.below(6)) : 0);
      }
      const entry = new Uint8Array(memory === 2 ? 16 : 0);
      if (memory === 2) {
        const at = coded ? context.coded(length) : context.data(length);
        new DataView(entry.buffer).setBigUint64(0, BigInt(at.address), true);
        new DataView(entry.buffer).setUint32(8, length, true);
      }
      const set = (view: DataView): void => {
        v4l2_buffer.fields.index.set(view, 0, index);
        v4l2_buffer.fields.type.set(view, 0, type);
        v4l2_buffer.fields.memory.set(view, 0, memory);
        v4l2_buffer.fields.length.set(view, 0, multi ? 1 : length);
      };
      ioctl(VIDIOC_QBUF, v4l2_buffer.size, v4l2_buffer.size, set, [plane, entry], plane.length);
    }
    return made;
  });
}

function fill(random: Random, context: PayloadContext, nr: number, view: DataView): void {
  const type = random.pick(context.types);
  // Most structs begin with an index or a type; small numbers fit both.
  if (view.byteLength >= 4) view.setUint32(0, random.once(3) ? random.below(4) : type, true);
  if (view.byteLength >= 8) view.setUint32(4, random.once(2) ? type : random.below(5), true);
  if (nr === VIDIOC_STREAMON || nr === VIDIOC_STREAMOFF) view.setUint32(0, type, true);
  else if (nr === VIDIOC_REQBUFS) {
    const f = v4l2_requestbuffers.fields;
    f.count.set(view, 0, random.once(4) ? 0 : random.below(5));
    f.type.set(view, 0, type);
    f.memory.set(view, 0, random.once(8) ? random.pick([1, 2, 4]) : context.memory);
  } else if (nr === VIDIOC_S_FMT || nr === VIDIOC_TRY_FMT || nr === VIDIOC_G_FMT) {
    v4l2_format.fields.type.set(view, 0, type);
    format(random, view, 0, type);
  } else if (nr === VIDIOC_CREATE_BUFS) {
    const f = v4l2_create_buffers.fields;
    f.index.set(view, 0, 0);
    f.count.set(view, 0, random.below(4));
    f.memory.set(view, 0, random.once(8) ? random.pick([1, 2]) : context.memory);
    f.format.fields.type.set(view, 0, type);
    format(random, view, f.format.offset, type);
  } else if (nr === VIDIOC_ENUM_FRAMESIZES || nr === VIDIOC_ENUM_FRAMEINTERVALS) {
    view.setUint32(0, random.below(3), true);
    view.setUint32(4, random.pick(FOURCCS), true);
    view.setUint32(8, 64, true);
    view.setUint32(12, 48, true);
  } else if (
    nr === VIDIOC_G_CTRL ||
    nr === VIDIOC_S_CTRL ||
    nr === VIDIOC_QUERYCTRL ||
    nr === VIDIOC_QUERY_EXT_CTRL ||
    nr === VIDIOC_QUERYMENU
  ) {
    view.setUint32(0, random.pick(CONTROLS), true);
    view.setUint32(4, random.below(300), true);
  } else if (nr === VIDIOC_SUBSCRIBE_EVENT || nr === VIDIOC_UNSUBSCRIBE_EVENT) {
    view.setUint32(0, random.below(7), true);
    view.setUint32(4, random.once(2) ? 0 : random.pick(CONTROLS), true);
    view.setUint32(8, random.below(4), true);
  } else if (nr === VIDIOC_REMOVE_BUFS) {
    view.setUint32(0, random.below(3), true);
    view.setUint32(4, random.below(3), true);
    view.setUint32(8, type, true);
  } else if (nr === VIDIOC_G_SELECTION || nr === VIDIOC_S_SELECTION) {
    view.setUint32(0, type, true);
    view.setUint32(4, random.pick([0, 1, 2, 0x100, 0x101, 0x102, 0x103]), true);
    for (let at = 12; at < 28; at += 4) view.setUint32(at, random.pick([0, 16, 48, 64, 4096]), true);
  } else if (nr === VIDIOC_DECODER_CMD || nr === VIDIOC_ENCODER_CMD) {
    view.setUint32(0, random.below(5), true);
    view.setUint32(4, random.once(4) ? random.below(4) : 0, true);
  }
}

function format(random: Random, view: DataView, at: number, type: number): void {
  const pix = type >= 9 ? v4l2_format.fields.fmt.fields.pix_mp.fields : v4l2_format.fields.fmt.fields.pix.fields;
  pix.width.set(view, at, random.once(4) ? random.pick([128, 0, 1, 4096, 65536]) : 64);
  pix.height.set(view, at, random.once(4) ? random.pick([96, 0, 1, 4096, 65536]) : 48);
  pix.pixelformat.set(view, at, random.pick(FOURCCS));
}

function buffer(random: Random, context: PayloadContext, view: DataView): Uint8Array[] {
  const f = v4l2_buffer.fields;
  const type = random.pick(context.types);
  const shared = random.once(12) ? random.once(2) : context.memory === 2;
  f.index.set(view, 0, random.below(4));
  f.type.set(view, 0, type);
  f.memory.set(view, 0, shared ? 2 : 1);
  f.m.fields.userptr.set(view, 0, Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8));
  const bytesused = random.pick([0, 32, 64, 96, 4608, 1 << 20]);
  const length = random.pick([4608, 4608, 6144, 1536, 65536, 3072, 0]);
  f.bytesused.set(view, 0, bytesused);
  f.length.set(view, 0, length);
  if (type < 9) return shared ? [new Uint8Array(0), list(random, context, length)] : [];
  const count = random.pick([1, 1, 2, 2, 0, 3, 8]);
  f.length.set(view, 0, count);
  const planes = new Uint8Array(count * v4l2_plane.size);
  const planesView = new DataView(planes.buffer);
  const lists: Uint8Array[] = [];
  for (let i = 0; i < count; i++) {
    const own = random.pick([length, 1536, 3072]);
    v4l2_plane.fields.bytesused.set(planesView, i * v4l2_plane.size, Math.min(bytesused, own));
    v4l2_plane.fields.length.set(planesView, i * v4l2_plane.size, own);
    if (shared) lists.push(list(random, context, own));
  }
  return [planes, ...lists];
}

function extControls(random: Random, context: PayloadContext, view: DataView): Uint8Array[] {
  const count = random.below(4);
  v4l2_ext_controls.fields.count.set(view, 0, count);
  v4l2_ext_controls.fields.anon.fields.which.set(view, 0, random.pick([0, 0, 0x0f00_0000, 0x0098_0000, 0x0f01_0000]));
  v4l2_ext_controls.fields.error_idx.set(view, 0, random.below(count + 2));
  const controls = new Uint8Array(count * v4l2_ext_control.size);
  const controlsView = new DataView(controls.buffer);
  const lists: Uint8Array[] = [];
  for (let i = 0; i < count; i++) {
    const base = i * v4l2_ext_control.size;
    v4l2_ext_control.fields.id.set(controlsView, base, random.pick(CONTROLS));
    const size = random.once(4) ? random.below(64) : 0;
    v4l2_ext_control.fields.size.set(controlsView, base, size);
    v4l2_ext_control.fields.anon.fields.value.set(controlsView, base, random.below(300));
    if (size > 0) lists.push(list(random, context, size));
  }
  return [controls, ...lists];
}

/** A scatter list that covers `length` bytes, or nearly. */
function list(random: Random, context: PayloadContext, length: number): Uint8Array {
  const entries: { address: number; length: number }[] = [];
  for (let left = length; left > 0 && entries.length < 40; ) {
    const part = random.once(3) ? Math.min(left, 1 + random.below(2000)) : left;
    const at = context.data(part);
    entries.push({ address: at.address, length: random.once(50) ? random.pick(NASTY) : part });
    left -= part;
  }
  if (random.once(30)) entries.pop();
  const bytes = new Uint8Array(16 * entries.length);
  const view = new DataView(bytes.buffer);
  entries.forEach((entry, i) => {
    view.setBigUint64(16 * i, random.once(80) ? 0xffff_ffff_ffff_f000n : BigInt(entry.address), true);
    view.setUint32(16 * i + 8, entry.length, true);
    view.setUint32(16 * i + 12, random.below(2 ** 32), true);
  });
  return bytes;
}

/** Replaces one or two words, once in `rarely` times. */
function mutate(random: Random, bytes: Uint8Array, rarely: number): void {
  if (bytes.length < 4 || !random.once(rarely)) return;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let i = 1 + random.below(2); i > 0; i--) {
    const at = random.once(8) ? random.below(bytes.length - 3) : 4 * random.below(bytes.length >> 2);
    view.setUint32(at, random.once(3) ? random.below(2 ** 32) : random.pick(NASTY), true);
  }
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
