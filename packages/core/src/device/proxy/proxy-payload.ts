// SPDX-License-Identifier: Apache-2.0
/**
 * Buffers on their way between a guest and a driver: `struct v4l2_buffer` is made afresh for the driver, out of the fields that mean
 * something, so that no pointer, descriptor or reserved byte of a guest reaches it.
 */
import {
  isMultiplanar,
  V4L2_BUF_FLAG_DONE,
  V4L2_BUF_FLAG_ERROR,
  V4L2_BUF_FLAG_IN_REQUEST,
  V4L2_BUF_FLAG_MAPPED,
  V4L2_BUF_FLAG_NO_CACHE_CLEAN,
  V4L2_BUF_FLAG_NO_CACHE_INVALIDATE,
  V4L2_BUF_FLAG_PREPARED,
  V4L2_BUF_FLAG_QUEUED,
  V4L2_BUF_FLAG_REQUEST_FD,
  V4L2_MEMORY_MMAP,
  v4l2_buffer,
  v4l2_plane,
} from '../../wire/index.ts';
import type { IoctlCall } from '../framework/media-device.ts';
import type { ProxyBuffer } from './proxy-buffer.ts';

const B = v4l2_buffer.fields;
const P = v4l2_plane.fields;
const NOTHING = new Uint8Array(0);

/** Flags that no side is told of the other: they are about memory, requests and caches of one side. */
const LOCAL_FLAGS =
  V4L2_BUF_FLAG_MAPPED |
  V4L2_BUF_FLAG_IN_REQUEST |
  V4L2_BUF_FLAG_REQUEST_FD |
  V4L2_BUF_FLAG_NO_CACHE_INVALIDATE |
  V4L2_BUF_FLAG_NO_CACHE_CLEAN;
const STATE_FLAGS = V4L2_BUF_FLAG_QUEUED | V4L2_BUF_FLAG_DONE | V4L2_BUF_FLAG_PREPARED;

/** A buffer as the driver is told of it. */
export interface BufferRequest {
  readonly payload: Uint8Array;
  readonly planes: Uint8Array;
}

/** What QBUF, PREPARE_BUF or QUERYBUF of a guest says to the driver. */
export function requestFor(type: number, call: IoctlCall): BufferRequest {
  const from = call.payload;
  const payload = new Uint8Array(v4l2_buffer.size);
  const view = new DataView(payload.buffer);
  B.index.set(view, 0, B.index.get(from, 0));
  B.type.set(view, 0, type);
  B.bytesused.set(view, 0, B.bytesused.get(from, 0));
  B.flags.set(view, 0, B.flags.get(from, 0) & ~LOCAL_FLAGS & ~STATE_FLAGS);
  B.field.set(view, 0, B.field.get(from, 0));
  copy(from, view, B.timestamp.offset, B.timestamp.size);
  copy(from, view, B.timecode.offset, B.timecode.size);
  B.memory.set(view, 0, V4L2_MEMORY_MMAP);
  if (!isMultiplanar(type)) return { payload, planes: NOTHING };
  const planes = new Uint8Array(call.planes.byteLength);
  const planeView = new DataView(planes.buffer);
  B.length.set(view, 0, planes.length / v4l2_plane.size);
  for (let at = 0; at < planes.length; at += v4l2_plane.size) {
    P.bytesused.set(planeView, at, P.bytesused.get(call.planes, at));
    P.data_offset.set(planeView, at, P.data_offset.get(call.planes, at));
  }
  return { payload, planes };
}

/** Writes what the driver answered to QBUF, PREPARE_BUF or QUERYBUF into the guest's payload. */
export function answerTo(call: IoctlCall, buffer: ProxyBuffer, memory: number, from: DataView, planes: DataView): void {
  const view = call.payload;
  writeCommon(buffer, memory, from, view);
  // A buffer whose event is on its way is not the guest's yet.
  if (buffer.away) B.flags.set(view, 0, (B.flags.get(view, 0) & ~STATE_FLAGS) | V4L2_BUF_FLAG_QUEUED);
  if (isMultiplanar(B.type.get(from, 0))) {
    writePlanes(buffer, planes, call.planes);
    for (const [i, { block }] of buffer.planes.entries()) {
      if (block !== undefined && (i + 1) * v4l2_plane.size <= call.planes.byteLength)
        putOffset(call.planes, i * v4l2_plane.size + P.m.offset, block.offset);
    }
    return;
  }
  const block = buffer.planes[0]?.block;
  if (block !== undefined) putOffset(view, B.m.offset, block.offset);
}

/** A finished buffer as EVT_DQBUF has it, of what DQBUF gave. */
export function eventOf(buffer: ProxyBuffer, memory: number, from: DataView, planes: DataView, failed: boolean) {
  const view = new DataView(new ArrayBuffer(v4l2_buffer.size));
  writeCommon(buffer, memory, from, view);
  const flags = B.flags.get(view, 0) & ~STATE_FLAGS;
  const shown = isMultiplanar(B.type.get(from, 0))
    ? new DataView(new ArrayBuffer(buffer.planes.length * v4l2_plane.size))
    : undefined;
  if (shown !== undefined) writePlanes(buffer, planes, shown);
  B.flags.set(view, 0, failed ? flags | V4L2_BUF_FLAG_ERROR : flags);
  return { view, planes: shown };
}

/** What DQBUF would have given for a buffer that its driver never gives back. */
export function lostBuffer(
  type: number,
  index: number,
  planes: number,
): { readonly buffer: DataView; readonly planes: DataView } {
  const buffer = new DataView(new ArrayBuffer(v4l2_buffer.size));
  B.index.set(buffer, 0, index);
  B.type.set(buffer, 0, type);
  B.flags.set(buffer, 0, V4L2_BUF_FLAG_ERROR);
  return { buffer, planes: new DataView(new ArrayBuffer(isMultiplanar(type) ? planes * v4l2_plane.size : 0)) };
}

/** Bytes with data of each plane, from its beginning on: `data_offset` counts. */
export function usedBytes(type: number, count: number, buffer: DataView, planes: DataView): readonly number[] {
  if (!isMultiplanar(type)) return [B.bytesused.get(buffer, 0)];
  return Array.from({ length: count }, (_, i) =>
    (i + 1) * v4l2_plane.size <= planes.byteLength ? P.bytesused.get(planes, i * v4l2_plane.size) : 0,
  );
}

/** Lengths of the planes that a guest brings with a SHARED_PAGES buffer. */
export function broughtLengths(type: number, call: IoctlCall): readonly number[] {
  if (!isMultiplanar(type)) return [B.length.get(call.payload, 0)];
  const count = call.planes.byteLength / v4l2_plane.size;
  return Array.from({ length: count }, (_, i) => P.length.get(call.planes, i * v4l2_plane.size));
}

function writeCommon(buffer: ProxyBuffer, memory: number, from: DataView, view: DataView): void {
  const multi = isMultiplanar(B.type.get(from, 0));
  B.index.set(view, 0, buffer.index);
  B.type.set(view, 0, B.type.get(from, 0));
  B.bytesused.set(view, 0, B.bytesused.get(from, 0));
  B.flags.set(view, 0, B.flags.get(from, 0) & ~LOCAL_FLAGS);
  B.field.set(view, 0, B.field.get(from, 0));
  B._pad20.set(view, 0, NOTHING);
  copy(from, view, B.timestamp.offset, B.timestamp.size);
  copy(from, view, B.timecode.offset, B.timecode.size);
  B.sequence.set(view, 0, B.sequence.get(from, 0));
  B.memory.set(view, 0, memory);
  B.length.set(view, 0, multi ? buffer.planes.length : (buffer.planes[0]?.length ?? 0));
  B.reserved2.set(view, 0, 0);
  B.anon.fields.reserved.set(view, 0, 0);
  B._pad84.set(view, 0, NOTHING);
}

function writePlanes(buffer: ProxyBuffer, from: DataView, to: DataView): void {
  for (const [i, plane] of buffer.planes.entries()) {
    const at = i * v4l2_plane.size;
    if (at + v4l2_plane.size > to.byteLength) return;
    const told = at + v4l2_plane.size <= from.byteLength;
    P.bytesused.set(to, at, told ? P.bytesused.get(from, at) : 0);
    P.length.set(to, at, plane.length);
    P.data_offset.set(to, at, told ? P.data_offset.get(from, at) : 0);
    P.reserved.set(to, at, NOTHING);
  }
}

/** `mem_offset` fills the union's first half; the second is cleared so that nothing of an old pointer stays. */
function putOffset(view: DataView, at: number, offset: number): void {
  view.setUint32(at, offset, true);
  view.setUint32(at + 4, 0, true);
}

function copy(from: DataView, to: DataView, at: number, length: number): void {
  for (let i = at; i < at + length; i++) to.setUint8(i, from.getUint8(i));
}
