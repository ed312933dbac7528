// SPDX-License-Identifier: Apache-2.0
/**
 * `struct v4l2_buffer` and its planes, in and out. Pointer members are left as they are in answers (VM-D3, VM-D7) and are
 * 0 in events (VM-DX12).
 */

import type { GuestRange } from '../../ports/index.ts';
import {
  Errno,
  V4L2_BUF_FLAG_BFRAME,
  V4L2_BUF_FLAG_DONE,
  V4L2_BUF_FLAG_ERROR,
  V4L2_BUF_FLAG_IN_REQUEST,
  V4L2_BUF_FLAG_KEYFRAME,
  V4L2_BUF_FLAG_LAST,
  V4L2_BUF_FLAG_M2M_HOLD_CAPTURE_BUF,
  V4L2_BUF_FLAG_MAPPED,
  V4L2_BUF_FLAG_NO_CACHE_CLEAN,
  V4L2_BUF_FLAG_NO_CACHE_INVALIDATE,
  V4L2_BUF_FLAG_PFRAME,
  V4L2_BUF_FLAG_PREPARED,
  V4L2_BUF_FLAG_QUEUED,
  V4L2_BUF_FLAG_REQUEST_FD,
  V4L2_BUF_FLAG_TIMECODE,
  V4L2_BUF_FLAG_TIMESTAMP_COPY,
  V4L2_BUF_FLAG_TIMESTAMP_MASK,
  V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC,
  V4L2_BUF_FLAG_TSTAMP_SRC_MASK,
  V4L2_FIELD_ALTERNATE,
  V4L2_FIELD_ANY,
  V4L2_FIELD_NONE,
  VIRTIO_MEDIA_MAX_PLANES,
  v4l2_buffer,
  v4l2_plane,
} from '../../wire/index.ts';
import type { DeviceLimits } from '../framework/limits.ts';
import type { IoctlCall } from '../framework/media-device.ts';
import type { V4l2Buffer } from './v4l2-buffer.ts';

/** Where the timestamps of a queue come from: V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC or …_COPY. */
export type TimestampMode = 'monotonic' | 'copy';

const B = v4l2_buffer.fields;
const P = v4l2_plane.fields;
const NOTHING = new Uint8Array(0);

/**
 * Flags that follow from the state of a buffer or its queue, never from what an application wrote. Cache hints are dropped: the
 * device never caches guest memory.
 */
const STATE_FLAGS =
  V4L2_BUF_FLAG_MAPPED |
  V4L2_BUF_FLAG_QUEUED |
  V4L2_BUF_FLAG_DONE |
  V4L2_BUF_FLAG_ERROR |
  V4L2_BUF_FLAG_PREPARED |
  V4L2_BUF_FLAG_IN_REQUEST |
  V4L2_BUF_FLAG_REQUEST_FD |
  V4L2_BUF_FLAG_NO_CACHE_INVALIDATE |
  V4L2_BUF_FLAG_NO_CACHE_CLEAN |
  V4L2_BUF_FLAG_TIMESTAMP_MASK;

/** Flags that only mean something on the way to the device. */
const OUTPUT_FLAGS =
  V4L2_BUF_FLAG_PFRAME |
  V4L2_BUF_FLAG_BFRAME |
  V4L2_BUF_FLAG_KEYFRAME |
  V4L2_BUF_FLAG_TIMECODE |
  V4L2_BUF_FLAG_M2M_HOLD_CAPTURE_BUF;

interface QueueKind {
  readonly type: number;
  readonly multiplanar: boolean;
  readonly output: boolean;
}

/** EINVAL if a multi-planar call has no room for the planes of the buffer, or claims more than there can be. */
export function checkPlaneRoom(multiplanar: boolean, buffer: V4l2Buffer, call: IoctlCall): number {
  if (!multiplanar) return 0;
  const length = B.length.get(call.payload, 0);
  const sent = call.planes.byteLength / v4l2_plane.size;
  return length < buffer.planes.length || length > VIRTIO_MEDIA_MAX_PLANES || sent < buffer.planes.length ? Errno.EINVAL : 0;
}

interface PlaneRequest {
  readonly length: number;
  readonly bytesUsed: number;
  readonly dataOffset: number;
  readonly ranges: readonly GuestRange[];
}

/** Takes QBUF's or PREPARE_BUF's payload into the buffer, but for its time; nothing is changed unless all of it is valid. */
export function fetchPayload(
  kind: QueueKind,
  options: {
    readonly timestamps: TimestampMode;
    readonly limits: DeviceLimits;
    readonly client: { leastPayload?(): readonly number[] };
  },
  buffer: V4l2Buffer,
  call: IoctlCall,
): number {
  const view = call.payload;
  const room = checkPlaneRoom(kind.multiplanar, buffer, call);
  if (room !== 0) return room;
  const flags = B.flags.get(view, 0);
  if ((flags & V4L2_BUF_FLAG_REQUEST_FD) !== 0) return Errno.EBADR;
  // What PREPARE_BUF has fixed stays; of a QBUF after it only the time counts, as with videobuf2.
  if (buffer.state === 'prepared') return 0;
  const field = B.field.get(view, 0);
  if (kind.output && field === V4L2_FIELD_ALTERNATE) return Errno.EINVAL;
  const least = options.client.leastPayload?.();
  const requests: PlaneRequest[] = [];
  for (const [i, plane] of buffer.planes.entries()) {
    const at = i * v4l2_plane.size;
    const userptr = plane.backing.kind === 'userptr';
    const sentLength = kind.multiplanar ? P.length.get(call.planes, at) : B.length.get(view, 0);
    const length = userptr ? sentLength : plane.length;
    const sentBytes = kind.multiplanar ? P.bytesused.get(call.planes, at) : B.bytesused.get(view, 0);
    const dataOffset = kind.multiplanar && kind.output ? P.data_offset.get(call.planes, at) : 0;
    const ranges = call.lists[i] ?? [];
    const fits = length >= plane.minLength && length <= options.limits.planeBytes;
    if (userptr && !(fits && covers(ranges, length))) return Errno.EINVAL;
    const bytesUsed = sentBytes === 0 ? length : sentBytes;
    if (kind.output && (bytesUsed > length || (dataOffset > 0 && dataOffset >= bytesUsed))) return Errno.EINVAL;
    if (bytesUsed - dataOffset < (least?.[i] ?? 0)) return Errno.EINVAL;
    requests.push({ length, bytesUsed: kind.output ? bytesUsed : 0, dataOffset, ranges });
  }
  if (buffer.state === 'dequeued') apply(kind, options.timestamps, buffer, view, flags, requests);
  return 0;
}

function apply(
  kind: QueueKind,
  timestamps: TimestampMode,
  buffer: V4l2Buffer,
  view: DataView,
  flags: number,
  requests: readonly PlaneRequest[],
): void {
  for (const [i, request] of requests.entries()) {
    const plane = buffer.planes[i];
    if (plane === undefined) continue;
    plane.bytesUsed = request.bytesUsed;
    plane.dataOffset = request.dataOffset;
    if (plane.backing.kind === 'userptr') {
      plane.length = request.length;
      plane.backing.ranges = request.ranges;
    }
  }
  const keepSource = timestamps === 'copy' && kind.output;
  buffer.flags = flags & ~STATE_FLAGS & ~V4L2_BUF_FLAG_TIMECODE & ~(keepSource ? 0 : V4L2_BUF_FLAG_TSTAMP_SRC_MASK);
  buffer.sequence = 0;
  buffer.timestamp = new Uint8Array(B.timestamp.size);
  if (kind.output) {
    const field = B.field.get(view, 0);
    buffer.flags &= ~V4L2_BUF_FLAG_M2M_HOLD_CAPTURE_BUF;
    buffer.field = field === V4L2_FIELD_ANY ? V4L2_FIELD_NONE : field;
  } else {
    buffer.flags &= ~(OUTPUT_FLAGS | V4L2_BUF_FLAG_LAST);
  }
}

/** Takes the timestamp and the timecode of a QBUF that was accepted; PREPARE_BUF brings none, as with videobuf2. */
export function fetchTime(kind: QueueKind, timestamps: TimestampMode, buffer: V4l2Buffer, view: DataView): void {
  if (!kind.output) return;
  const flags = B.flags.get(view, 0);
  if (timestamps === 'copy') buffer.timestamp = raw(view, B.timestamp.offset, B.timestamp.size);
  buffer.flags |= flags & V4L2_BUF_FLAG_TIMECODE;
  if ((flags & V4L2_BUF_FLAG_TIMECODE) !== 0) buffer.timecode = raw(view, B.timecode.offset, B.timecode.size);
}

/** True if the list holds at least `length` bytes. */
function covers(ranges: readonly GuestRange[], length: number): boolean {
  let total = 0;
  for (const range of ranges) total += range.length;
  return length > 0 && total >= length;
}

/**
 * Writes a buffer as V4L2 shows it. `planes`: as much room as the caller has, at least the planes of the buffer. In an
 * `event` the pointers are 0 and the flags are those after DQBUF.
 */
export function writeBuffer(
  kind: QueueKind,
  timestamps: TimestampMode,
  buffer: V4l2Buffer,
  view: DataView,
  planes: DataView | undefined,
  form: 'answer' | 'event' = 'answer',
): void {
  B.index.set(view, 0, buffer.index);
  B.type.set(view, 0, kind.type);
  const shown = shownFlags(timestamps, buffer);
  B.flags.set(view, 0, form === 'event' ? shown : shown & ~V4L2_BUF_FLAG_ERROR);
  B.field.set(view, 0, buffer.field);
  put(view, B.timestamp.offset, buffer.timestamp);
  put(view, B.timecode.offset, (buffer.flags & V4L2_BUF_FLAG_TIMECODE) !== 0 ? buffer.timecode : new Uint8Array(B.timecode.size));
  B.sequence.set(view, 0, buffer.sequence);
  B.memory.set(view, 0, buffer.memory);
  B.reserved2.set(view, 0, 0);
  B.anon.fields.reserved.set(view, 0, 0);
  B._pad20.set(view, 0, NOTHING);
  B._pad84.set(view, 0, NOTHING);
  if (kind.multiplanar) {
    B.bytesused.set(view, 0, 0);
    B.length.set(view, 0, buffer.planes.length);
    if (planes !== undefined) writePlanes(buffer, planes, form);
    return;
  }
  const [plane] = buffer.planes;
  if (plane === undefined) return;
  B.bytesused.set(view, 0, plane.bytesUsed);
  B.length.set(view, 0, plane.length);
  if (form === 'answer' && plane.backing.kind === 'mmap') putOffset(view, B.m.offset, plane.backing.block.offset);
}

function writePlanes(buffer: V4l2Buffer, planes: DataView, form: 'answer' | 'event'): void {
  for (const [i, plane] of buffer.planes.entries()) {
    const at = i * v4l2_plane.size;
    P.bytesused.set(planes, at, plane.bytesUsed);
    P.length.set(planes, at, plane.length);
    P.data_offset.set(planes, at, plane.dataOffset);
    P.reserved.set(planes, at, NOTHING);
    if (form === 'answer' && plane.backing.kind === 'mmap') putOffset(planes, at + P.m.offset, plane.backing.block.offset);
  }
}

function shownFlags(timestamps: TimestampMode, buffer: V4l2Buffer): number {
  let flags = buffer.flags & ~V4L2_BUF_FLAG_TIMESTAMP_MASK;
  flags |= timestamps === 'copy' ? V4L2_BUF_FLAG_TIMESTAMP_COPY : V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC;
  if (buffer.state === 'queued' || buffer.state === 'active') flags |= V4L2_BUF_FLAG_QUEUED;
  if (buffer.state === 'prepared') flags |= V4L2_BUF_FLAG_PREPARED;
  return flags;
}

/** `mem_offset` fills the union's first half; the second is cleared so that nothing of an old pointer stays. */
function putOffset(view: DataView, at: number, offset: number): void {
  view.setUint32(at, offset, true);
  view.setUint32(at + 4, 0, true);
}

function raw(view: DataView, at: number, size: number): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset + at, size).slice();
}

function put(view: DataView, at: number, bytes: Uint8Array): void {
  new Uint8Array(view.buffer, view.byteOffset + at, bytes.length).set(bytes);
}
