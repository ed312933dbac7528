// SPDX-License-Identifier: Apache-2.0
/** For tests: a buffer queue, and the ioctls on it. */

import { BufferQueue, type QueueClient } from '../device/buffers/buffer-queue.ts';
import { DEFAULT_LIMITS, type DeviceLimits } from '../device/framework/limits.ts';
import { makeCall, SeenEvents } from '../device/framework/test-call.ts';
import { HeapArena } from '../memory/heap/heap-arena.ts';
import { fourcc, pictureLayout } from '../picture/index.ts';
import type { GuestRange, HostBuffers } from '../ports/index.ts';
import { writeFormat } from '../v4l2/index.ts';
import {
  V4L2_BUF_TYPE_VIDEO_CAPTURE,
  V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE,
  V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE,
  V4L2_MEMORY_MMAP,
  VIDIOC_CREATE_BUFS,
  VIDIOC_QBUF,
  VIDIOC_REQBUFS,
  v4l2_buffer,
  v4l2_create_buffers,
  v4l2_plane,
  v4l2_requestbuffers,
} from '../wire/index.ts';

const B = v4l2_buffer.fields;
const P = v4l2_plane.fields;
export const SINGLE = V4L2_BUF_TYPE_VIDEO_CAPTURE;
export const MULTI = V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE;
export const OUTPUT = V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE;

/** What the queue under test is like. */
export interface BufferQueueRigOptions {
  readonly type?: number;
  readonly sizes?: readonly number[];
  readonly limits?: Partial<DeviceLimits>;
  readonly client?: Partial<QueueClient>;
  readonly arena?: number;
  readonly buffers?: (arena: HeapArena) => HostBuffers;
}

/** A queue whose client notes what it is told, and the ioctls on it. */
export function rig(o: BufferQueueRigOptions = {}) {
  const type = o.type ?? SINGLE;
  const sizes = o.sizes ?? (type === SINGLE ? [1000] : [1000, 500]);
  const arena = new HeapArena(o.arena ?? 1 << 24);
  const seen = new SeenEvents();
  const calls: string[] = [];
  const client: QueueClient = {
    planeSizes: () => sizes,
    start: () => {
      calls.push('start');
      return 0;
    },
    queued: () => calls.push('queued'),
    stop: () => void calls.push('stop'),
    ...o.client,
  };
  const budget = { bytes: 0 };
  const queue = new BufferQueue({
    type,
    timestamps: type === SINGLE ? 'monotonic' : 'copy',
    client,
    buffers: o.buffers?.(arena) ?? arena,
    events: seen,
    limits: { ...DEFAULT_LIMITS, ...o.limits },
    budget,
  });
  const request = (count: number, memory = V4L2_MEMORY_MMAP) => {
    const call = makeCall(VIDIOC_REQBUFS, v4l2_requestbuffers.size, { dirt: 0xff });
    v4l2_requestbuffers.fields.count.set(call.payload, 0, count);
    v4l2_requestbuffers.fields.type.set(call.payload, 0, type);
    v4l2_requestbuffers.fields.memory.set(call.payload, 0, memory);
    const errno = queue.requestBuffers(call);
    return { errno, view: call.payload, count: v4l2_requestbuffers.fields.count.get(call.payload, 0) };
  };
  const create = (count: number, planes: readonly number[] = sizes, memory = V4L2_MEMORY_MMAP) => {
    const call = makeCall(VIDIOC_CREATE_BUFS, v4l2_create_buffers.size);
    const f = v4l2_create_buffers.fields;
    const layout = pictureLayout(fourcc('GREY'), 16, 16);
    if (layout === undefined) throw new TypeError('GREY is known');
    const colorimetry = { colorspace: 1, ycbcrEnc: 0, quantization: 0, xferFunc: 0 };
    writeFormat(call.payload, type, { layout: { ...layout, sizes: planes }, field: 1, colorimetry }, f.format.offset);
    f.count.set(call.payload, 0, count);
    f.memory.set(call.payload, 0, memory);
    const errno = queue.createBuffers(call);
    return { errno, index: f.index.get(call.payload, 0), count: f.count.get(call.payload, 0), view: call.payload };
  };
  const buffer = (
    verb: 'query' | 'prepare' | 'queue',
    index: number,
    set: {
      memory?: number;
      planes?: { length?: number; bytesUsed?: number; dataOffset?: number }[];
      lists?: GuestRange[][];
    } & Record<string, unknown> = {},
    change: (view: DataView) => void = () => {},
  ) => {
    const room = set.planes?.length ?? sizes.length;
    const call = makeCall(VIDIOC_QBUF, v4l2_buffer.size, { planes: queue.multiplanar ? room : 0, lists: set.lists ?? [] });
    B.index.set(call.payload, 0, index);
    B.type.set(call.payload, 0, type);
    B.memory.set(call.payload, 0, set.memory ?? V4L2_MEMORY_MMAP);
    if (queue.multiplanar) B.length.set(call.payload, 0, room);
    for (const [i, plane] of (set.planes ?? []).entries()) {
      if (queue.multiplanar) {
        P.length.set(call.planes, i * v4l2_plane.size, plane.length ?? 0);
        P.bytesused.set(call.planes, i * v4l2_plane.size, plane.bytesUsed ?? 0);
        P.data_offset.set(call.planes, i * v4l2_plane.size, plane.dataOffset ?? 0);
      } else {
        B.length.set(call.payload, 0, plane.length ?? 0);
        B.bytesused.set(call.payload, 0, plane.bytesUsed ?? 0);
      }
    }
    change(call.payload);
    const errno =
      verb === 'query' ? queue.queryBuffer(call) : verb === 'prepare' ? queue.prepareBuffer(call) : queue.queueBuffer(call);
    return { errno, view: call.payload, planes: call.planes, flags: B.flags.get(call.payload, 0) };
  };
  return { queue, arena, seen, calls, budget, request, create, buffer };
}
