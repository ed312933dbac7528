// SPDX-License-Identifier: Apache-2.0
/** `struct v4l2_buffer` as plain objects: what goes out with QBUF, what comes back with EVT_DQBUF and QUERYBUF. */

import { clearBytes } from '../../base/index.ts';
import type { GuestRange } from '../../ports/buffer-memory.ts';
import { isMultiplanar } from '../../wire/v4l2/buffer-type.ts';
import { v4l2_buffer, v4l2_plane } from '../../wire/v4l2/videodev2.ts';
import { V4L2_FIELD_ANY, V4L2_MEMORY_MMAP } from '../../wire/v4l2/videodev2-constants.gen.ts';

const buffer = v4l2_buffer.fields;
const planeFields = v4l2_plane.fields;
const TIMESTAMP_OFFSET = buffer.timestamp.offset;

/** Bytes of a `struct timeval` on the wire. */
export const TIMESTAMP_BYTES = 16;

/** One plane of a buffer that is queued. */
export interface QueuePlane {
  readonly bytesused?: number;
  readonly dataOffset?: number;
  /** SHARED_PAGES: length of the plane; MMAP: ignored by the device */
  readonly length?: number;
  /** SHARED_PAGES: where the plane lies in guest memory (VM-RX2) */
  readonly ranges?: readonly GuestRange[];
  /** SHARED_PAGES: 8 bytes that stand for the application's pointer (VM-D7) */
  readonly userptr?: Uint8Array;
}

/** A buffer for QBUF and PREPARE_BUF. Planes: one per memory plane; a single-planar buffer takes the first. */
export interface QueueBuffer {
  readonly index: number;
  readonly type: number;
  /** V4L2_MEMORY_*, default MMAP */
  readonly memory?: number;
  readonly flags?: number;
  readonly field?: number;
  /** `struct timeval`, 16 opaque bytes */
  readonly timestamp?: Uint8Array;
  readonly planes?: readonly QueuePlane[];
}

/** One plane of a buffer as the device describes it. */
export interface BufferPlane {
  readonly bytesused: number;
  readonly length: number;
  readonly dataOffset: number;
  /** what MMAP takes; of no meaning in a dequeued buffer (VM-R6) */
  readonly memOffset: number;
}

/** A buffer as the device describes it. `planes` has one entry for a single-planar buffer, too. */
export interface BufferState {
  readonly index: number;
  readonly type: number;
  readonly flags: number;
  readonly field: number;
  readonly sequence: number;
  readonly memory: number;
  /** `struct timeval`, 16 opaque bytes, a copy */
  readonly timestamp: Uint8Array;
  readonly planes: readonly BufferPlane[];
}

/** Writes a buffer to `view` (88 bytes) and `planes` (64 bytes each, for multi-planar types). All other bytes are zeroed. */
export function encodeBuffer(b: QueueBuffer, view: DataView, planes: DataView): void {
  clearBytes(view);
  clearBytes(planes);
  buffer.index.set(view, 0, b.index);
  buffer.type.set(view, 0, b.type);
  buffer.flags.set(view, 0, b.flags ?? 0);
  buffer.field.set(view, 0, b.field ?? V4L2_FIELD_ANY);
  buffer.memory.set(view, 0, b.memory ?? V4L2_MEMORY_MMAP);
  if (b.timestamp !== undefined) bytesAt(view, TIMESTAMP_OFFSET, TIMESTAMP_BYTES).set(b.timestamp);
  const list = b.planes ?? [];
  if (isMultiplanar(b.type)) {
    buffer.length.set(view, 0, list.length);
    list.forEach((plane, i) => {
      const base = i * v4l2_plane.size;
      planeFields.bytesused.set(planes, base, plane.bytesused ?? 0);
      planeFields.length.set(planes, base, plane.length ?? 0);
      planeFields.data_offset.set(planes, base, plane.dataOffset ?? 0);
      if (plane.userptr !== undefined) planeFields.m.fields.userptr.set(planes, base, plane.userptr);
    });
    return;
  }
  const plane = list[0];
  buffer.bytesused.set(view, 0, plane?.bytesused ?? 0);
  buffer.length.set(view, 0, plane?.length ?? 0);
  if (plane?.userptr !== undefined) buffer.m.fields.userptr.set(view, 0, plane.userptr);
}

/** Reads a buffer at `base` of `view`, its planes at `planesBase` of `planes` (at most `maxPlanes`). */
export function decodeBuffer(view: DataView, base: number, planes: DataView, planesBase: number, maxPlanes: number): BufferState {
  const type = buffer.type.get(view, base);
  const length = buffer.length.get(view, base);
  const list: BufferPlane[] = [];
  if (isMultiplanar(type)) {
    for (let i = 0; i < Math.min(length, maxPlanes); i++) {
      const at = planesBase + i * v4l2_plane.size;
      list.push({
        bytesused: planeFields.bytesused.get(planes, at),
        length: planeFields.length.get(planes, at),
        dataOffset: planeFields.data_offset.get(planes, at),
        memOffset: planeFields.m.fields.mem_offset.get(planes, at),
      });
    }
  } else {
    list.push({
      bytesused: buffer.bytesused.get(view, base),
      length,
      dataOffset: 0,
      memOffset: buffer.m.fields.offset.get(view, base),
    });
  }
  return {
    index: buffer.index.get(view, base),
    type,
    flags: buffer.flags.get(view, base),
    field: buffer.field.get(view, base),
    sequence: buffer.sequence.get(view, base),
    memory: buffer.memory.get(view, base),
    timestamp: bytesAt(view, base + TIMESTAMP_OFFSET, TIMESTAMP_BYTES).slice(),
    planes: list,
  };
}

/** Microseconds of a `struct timeval`; exact below 2^53. */
export function timestampMicros(timestamp: Uint8Array): number {
  const view = new DataView(timestamp.buffer, timestamp.byteOffset, TIMESTAMP_BYTES);
  const seconds = view.getUint32(0, true) + view.getInt32(4, true) * 2 ** 32;
  return seconds * 1_000_000 + view.getUint32(8, true) + view.getInt32(12, true) * 2 ** 32;
}

/** A `struct timeval` of microseconds, not negative. */
export function timestampOf(micros: number): Uint8Array {
  const bytes = new Uint8Array(TIMESTAMP_BYTES);
  const view = new DataView(bytes.buffer);
  const seconds = Math.floor(micros / 1_000_000);
  view.setUint32(0, seconds % 2 ** 32, true);
  view.setUint32(4, Math.floor(seconds / 2 ** 32), true);
  view.setUint32(8, micros - seconds * 1_000_000, true);
  return bytes;
}

function bytesAt(view: DataView, offset: number, length: number): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset + offset, length);
}
