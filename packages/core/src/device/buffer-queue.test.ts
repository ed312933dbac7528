// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import type { GuestRange, HostBuffers } from '../ports/index.ts';
import { HeapArena } from '../testing/index.ts';
import { fourcc, pictureLayout, timevalBytes, writeFormat } from '../v4l2/index.ts';
import {
  Errno,
  V4L2_BUF_FLAG_ERROR,
  V4L2_BUF_FLAG_LAST,
  V4L2_BUF_FLAG_NO_CACHE_CLEAN,
  V4L2_BUF_FLAG_PREPARED,
  V4L2_BUF_FLAG_QUEUED,
  V4L2_BUF_FLAG_REQUEST_FD,
  V4L2_BUF_FLAG_TIMECODE,
  V4L2_BUF_FLAG_TIMESTAMP_COPY,
  V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC,
  V4L2_BUF_TYPE_VIDEO_CAPTURE,
  V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE,
  V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE,
  V4L2_FIELD_ALTERNATE,
  V4L2_FIELD_NONE,
  V4L2_MEMORY_DMABUF,
  V4L2_MEMORY_MMAP,
  V4L2_MEMORY_USERPTR,
  VIDIOC_CREATE_BUFS,
  VIDIOC_QBUF,
  VIDIOC_REMOVE_BUFS,
  VIDIOC_REQBUFS,
  v4l2_buffer,
  v4l2_create_buffers,
  v4l2_plane,
  v4l2_remove_buffers,
  v4l2_requestbuffers,
} from '../wire/index.ts';
import { BufferQueue, type QueueClient } from './buffer-queue.ts';
import { DeviceError } from './device-error.ts';
import { DEFAULT_LIMITS, type DeviceLimits } from './limits.ts';
import { makeCall, SeenEvents } from './test-call.ts';
import { bufferMemory } from './v4l2-buffer.ts';

const B = v4l2_buffer.fields;
const P = v4l2_plane.fields;
const SINGLE = V4L2_BUF_TYPE_VIDEO_CAPTURE;
const MULTI = V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE;
const OUTPUT = V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE;

interface RigOptions {
  readonly type?: number;
  readonly sizes?: readonly number[];
  readonly limits?: Partial<DeviceLimits>;
  readonly client?: Partial<QueueClient>;
  readonly arena?: number;
  readonly buffers?: (arena: HeapArena) => HostBuffers;
  readonly zeroBytesUsed?: 'whole' | 'empty';
}

function rig(o: RigOptions = {}) {
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
    ...(o.zeroBytesUsed === undefined ? {} : { zeroBytesUsed: o.zeroBytesUsed }),
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
    if (layout === undefined) expect.unreachable('GREY is known');
    const planesOf = planes.map((sizeImage) => ({ bytesPerLine: 16, sizeImage }));
    const colorimetry = { colorspace: 1, ycbcrEnc: 0, quantization: 0, xferFunc: 0 };
    writeFormat(call.payload, type, { layout: { ...layout, planes: planesOf }, field: 1, colorimetry }, f.format.offset);
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

describe('REQBUFS', () => {
  it('makes buffers, tells what it can, and zeroes what is reserved', () => {
    const { request, arena } = rig();
    const { errno, count, view } = request(3);
    expect([errno, count, arena.blocks]).toEqual([0, 3, 3]);
    expect(v4l2_requestbuffers.fields.capabilities.get(view, 0)).toBe(0x13);
    expect(v4l2_requestbuffers.fields.flags.get(view, 0)).toBe(0);
    expect([...v4l2_requestbuffers.fields.reserved.get(view, 0)]).toEqual([0, 0, 0]);
  });

  it('clamps the number to the limit and to what the device needs (P19)', () => {
    expect(rig().request(0xffff_ffff).count).toBe(32);
    expect(rig({ client: { minBuffers: () => 5 } }).request(1).count).toBe(5);
  });

  it.each([V4L2_MEMORY_DMABUF, 0, 3, 0xffff_ffff])(
    'refuses memory type %i with EINVAL, and tells its capabilities all the same',
    (memory) => {
      const { errno, view } = rig().request(1, memory);
      expect(errno).toBe(Errno.EINVAL);
      expect(v4l2_requestbuffers.fields.capabilities.get(view, 0)).toBe(0x13);
    },
  );

  it('P18: is refused with EBUSY while the queue streams', () => {
    const { queue, request } = rig();
    request(2);
    expect(queue.streamOn()).toBe(0);
    expect(request(2).errno).toBe(Errno.EBUSY);
    expect(request(0).errno).toBe(Errno.EBUSY);
    expect(queue.streamOff()).toBe(0);
    expect(request(0).errno).toBe(0);
  });

  it('replaces buffers, and with 0 frees them, mapped or not: a mapping holds its own reference (VM-D6)', () => {
    const { queue, request, arena, budget } = rig();
    request(2);
    const [first] = queue.all;
    const backing = first?.planes[0]?.backing;
    const offset = backing?.kind === 'mmap' ? backing.block.offset : -1;
    const mapped = queue.plane(offset);
    mapped?.block.retain();
    request(1);
    expect(arena.blocks).toBe(2);
    request(0);
    expect([arena.blocks, queue.count, budget.bytes]).toEqual([1, 0, 0]);
    expect(queue.plane(offset)).toBeUndefined();
    mapped?.block.release();
    expect(arena.blocks).toBe(0);
  });

  it('answers ENOMEM when not even the least number fits, and fewer buffers when not all do', () => {
    expect(rig({ arena: 65536, sizes: [65536] }).request(4)).toMatchObject({ errno: 0, count: 1 });
    const { request, arena } = rig({ arena: 65536, sizes: [65536], client: { minBuffers: () => 2 } });
    expect(request(4).errno).toBe(Errno.ENOMEM);
    expect(arena.blocks).toBe(0);
    expect(rig({ limits: { bufferBytes: 2500 } }).request(4).count).toBe(2);
  });

  it('leaves nothing behind when the second plane of a buffer does not fit', () => {
    const { request, arena } = rig({ type: MULTI, arena: 65536 });
    expect(request(1).errno).toBe(Errno.ENOMEM);
    expect(arena.blocks).toBe(0);
  });
});

describe('memory that was given back and is not clean yet', () => {
  const PAGE = 65536;

  /** A queue whose arena has `room` buffers until `clean`, and four then. */
  function dirtyRig(room: number) {
    const cleaning = Promise.withResolvers<void>();
    let dirty = true;
    const made = rig({
      sizes: [PAGE],
      arena: 4 * PAGE,
      buffers: (arena) => ({
        allocate: (length) => (dirty && arena.blocks >= room ? undefined : arena.allocate(length)),
        settled: () => (dirty ? cleaning.promise : undefined),
        get allocated() {
          return arena.allocated;
        },
      }),
    });
    const clean = (): void => {
      dirty = false;
      cleaning.resolve();
    };
    return { ...made, clean };
  }

  it.each(['request', 'create'] as const)('is waited for, and all buffers are there in the end: %s', async (verb) => {
    const { queue, clean, ...make } = dirtyRig(1);
    const { errno, view } = make[verb](4);
    expect([queue.count, queue.claimed]).toEqual([1, true]);
    clean();
    expect(await errno).toBe(0);
    const { fields } = verb === 'request' ? v4l2_requestbuffers : v4l2_create_buffers;
    expect([fields.count.get(view, 0), queue.count]).toEqual([4, 4]);
  });

  it('is an error when it is not enough for one, and leaves the queue to others', async () => {
    const { queue, request, clean, arena } = dirtyRig(0);
    const block = arena.allocate(4 * PAGE);
    const { errno } = request(4);
    expect([queue.count, queue.claimed]).toEqual([0, true]);
    clean();
    expect(await errno).toBe(Errno.ENOMEM);
    expect(queue.claimed).toBe(false);
    block?.release();
    expect(request(4).count).toBe(4);
  });

  it('comes too late for a session that was closed', async () => {
    const { queue, request, clean, arena } = dirtyRig(2);
    const { errno } = request(4);
    await queue.release();
    clean();
    expect(await errno).toBe(Errno.EIO);
    expect([queue.count, queue.claimed, arena.blocks]).toEqual([0, false, 0]);
  });
});

describe('CREATE_BUFS and REMOVE_BUFS', () => {
  it('adds buffers to those that are there, and with count 0 only tells', () => {
    const { create, request, queue } = rig();
    request(2);
    expect(create(0)).toMatchObject({ errno: 0, index: 2, count: 0 });
    expect(create(3, [2000])).toMatchObject({ errno: 0, index: 2, count: 3 });
    expect(queue.count).toBe(5);
    expect([...queue.all].map((b) => b.planes[0]?.length)).toEqual([1000, 1000, 2000, 2000, 2000]);
    expect(v4l2_create_buffers.fields.max_num_buffers.get(create(0).view, 0)).toBe(32);
  });

  it('refuses sizes below the format, above the limit, other memory, and more than the limit', () => {
    const { create, request } = rig();
    request(1);
    expect(create(1, [999]).errno).toBe(Errno.EINVAL);
    expect(create(1, [0]).errno).toBe(Errno.EINVAL);
    expect(create(1, [0xffff_ffff]).errno).toBe(Errno.EINVAL);
    expect(create(1, [1000], V4L2_MEMORY_USERPTR).errno).toBe(Errno.EINVAL);
    expect(create(1, [1000], V4L2_MEMORY_DMABUF).errno).toBe(Errno.EINVAL);
    expect(create(100)).toMatchObject({ errno: 0, count: 31 });
    expect(create(1).errno).toBe(Errno.ENOBUFS);
  });

  it('refuses a format with another number of planes', () => {
    const { create } = rig({ type: MULTI });
    expect(create(1, [1000]).errno).toBe(Errno.EINVAL);
    expect(create(1, [1000, 500, 500]).errno).toBe(Errno.EINVAL);
    expect(create(1, [1000, 500]).errno).toBe(0);
  });

  it('removes buffers that are dequeued, and fills the hole again', () => {
    const { queue, request, create, buffer } = rig();
    const remove = (index: number, count: number, type = SINGLE) => {
      const call = makeCall(VIDIOC_REMOVE_BUFS, v4l2_remove_buffers.size);
      v4l2_remove_buffers.fields.index.set(call.payload, 0, index);
      v4l2_remove_buffers.fields.count.set(call.payload, 0, count);
      v4l2_remove_buffers.fields.type.set(call.payload, 0, type);
      return queue.removeBuffers(call);
    };
    request(4);
    expect(remove(0, 1, 7)).toBe(Errno.EINVAL);
    expect(remove(3, 2)).toBe(Errno.EINVAL);
    expect(remove(0xffff_ffff, 0xffff_ffff)).toBe(Errno.EINVAL);
    expect(remove(99, 0)).toBe(0);
    buffer('queue', 1);
    expect(remove(0, 2)).toBe(Errno.EBUSY);
    expect(queue.count).toBe(4);
    expect(remove(2, 1)).toBe(0);
    expect(buffer('query', 2).errno).toBe(Errno.EINVAL);
    expect(create(2)).toMatchObject({ errno: 0, index: 2, count: 1 });
  });
});

describe('QUERYBUF, PREPARE_BUF, QBUF', () => {
  it('refuses an index, a memory type or a number of planes that is not there', () => {
    const { request, buffer } = rig({ type: MULTI });
    request(1);
    expect(buffer('query', 1).errno).toBe(Errno.EINVAL);
    expect(buffer('queue', 0xffff_ffff).errno).toBe(Errno.EINVAL);
    expect(buffer('queue', 0, { memory: V4L2_MEMORY_USERPTR }).errno).toBe(Errno.EINVAL);
    expect(buffer('queue', 0, { planes: [{}] }).errno).toBe(Errno.EINVAL);
    expect(buffer('query', 0, { planes: [] }).errno).toBe(Errno.EINVAL);
    expect(buffer('queue', 0, {}, (view) => B.length.set(view, 0, 8)).errno).toBe(0);
    expect(buffer('query', 0, {}, (view) => B.length.set(view, 0, 9)).errno).toBe(Errno.EINVAL);
  });

  it('D.3: the answer to a multi-planar QBUF has flags, lengths and offsets, and leaves m.planes alone (VM-D3)', () => {
    const { request, buffer } = rig({ type: MULTI, sizes: [307200, 153600] });
    request(2);
    const pointer = Uint8Array.from([0, 0x5a, 0x13, 0x42, 0xc9, 0x63, 0x12, 0xff]);
    const { errno, view, planes, flags } = buffer('queue', 1, { planes: new Array(8).fill({}) }, (v) =>
      B.m.fields.planes.set(v, 0, pointer),
    );
    expect(errno).toBe(0);
    expect(flags).toBe(V4L2_BUF_FLAG_QUEUED | V4L2_BUF_FLAG_TIMESTAMP_COPY);
    expect(B.m.fields.planes.get(view, 0)).toEqual(pointer);
    expect([B.length.get(view, 0), B.field.get(view, 0), B.memory.get(view, 0)]).toEqual([2, V4L2_FIELD_NONE, 1]);
    expect([0, 64].map((at) => P.length.get(planes, at))).toEqual([307200, 153600]);
    const offsets = [0, 64].map((at) => P.m.fields.mem_offset.get(planes, at));
    expect(new Set(offsets).size).toBe(2);
    for (const offset of offsets) expect(offset % 65536).toBe(0);
  });

  it('shows a single-planar buffer with its offset (P12)', () => {
    const { request, buffer, queue } = rig();
    request(2);
    const { view, flags } = buffer('query', 1);
    expect(flags).toBe(V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC);
    expect(queue.plane(B.m.fields.offset.get(view, 0))?.length).toBe(1000);
    expect(queue.plane(12345)).toBeUndefined();
  });

  it('goes from dequeued to prepared to queued, and never twice', () => {
    const { request, buffer } = rig();
    request(1);
    expect(buffer('prepare', 0).flags & V4L2_BUF_FLAG_PREPARED).not.toBe(0);
    expect(buffer('prepare', 0).errno).toBe(Errno.EINVAL);
    expect(buffer('queue', 0).flags).toBe(V4L2_BUF_FLAG_QUEUED | V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC);
    expect(buffer('queue', 0).errno).toBe(Errno.EINVAL);
    expect(buffer('prepare', 0).errno).toBe(Errno.EINVAL);
  });

  it('takes no requests, and drops flags that are not for an application to set', () => {
    const { request, buffer } = rig();
    request(1);
    expect(buffer('queue', 0, {}, (view) => B.flags.set(view, 0, V4L2_BUF_FLAG_REQUEST_FD)).errno).toBe(Errno.EBADR);
    const dirty = V4L2_BUF_FLAG_ERROR | V4L2_BUF_FLAG_LAST | V4L2_BUF_FLAG_TIMECODE | V4L2_BUF_FLAG_NO_CACHE_CLEAN | 7;
    const { flags } = buffer('queue', 0, {}, (view) => B.flags.set(view, 0, dirty));
    expect(flags).toBe(V4L2_BUF_FLAG_QUEUED | V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC);
  });

  it('checks what an output buffer says of its data', () => {
    const { request, buffer } = rig({ type: OUTPUT, sizes: [1000] });
    request(2);
    const with1 = (bytesUsed: number, dataOffset = 0) => buffer('queue', 0, { planes: [{ bytesUsed, dataOffset }] }).errno;
    expect(with1(1001)).toBe(Errno.EINVAL);
    expect(with1(500, 500)).toBe(Errno.EINVAL);
    expect(with1(0xffff_ffff, 0xffff_fff0)).toBe(Errno.EINVAL);
    expect(buffer('queue', 0, {}, (view) => B.field.set(view, 0, V4L2_FIELD_ALTERNATE)).errno).toBe(Errno.EINVAL);
    expect(with1(500, 499)).toBe(0);
  });

  it('keeps what PREPARE_BUF fixed, whatever the QBUF after it says, but takes the time from QBUF alone', () => {
    const { request, buffer } = rig({ type: OUTPUT, sizes: [1000] });
    request(1);
    const timed = (stamp: number, flags: number) => (view: DataView) => {
      new Uint8Array(view.buffer).fill(stamp, B.timestamp.offset, B.timecode.offset + B.timecode.size);
      B.flags.set(view, 0, flags);
    };
    const prepared = buffer('prepare', 0, { planes: [{ bytesUsed: 700 }] }, timed(0x11, V4L2_BUF_FLAG_TIMECODE));
    expect([prepared.view.getUint8(B.timestamp.offset), prepared.flags & V4L2_BUF_FLAG_TIMECODE]).toEqual([0, 0]);
    const dirt = { planes: [{ bytesUsed: 0xdeadbeef, dataOffset: 0xdeadbeef }] };
    const { errno, planes, view, flags } = buffer('queue', 0, dirt, timed(0x22, 0));
    expect([errno, P.bytesused.get(planes, 0), P.data_offset.get(planes, 0)]).toEqual([0, 700, 0]);
    expect([view.getUint8(B.timestamp.offset), flags & V4L2_BUF_FLAG_TIMECODE]).toEqual([0x22, 0]);
  });

  it.each([
    ['whole', 1000],
    ['empty', 0],
  ] as const)('takes bytesused 0 of an output buffer for %s', (zeroBytesUsed, expected) => {
    const { request, buffer } = rig({ type: OUTPUT, sizes: [1000], zeroBytesUsed });
    request(1);
    expect(P.bytesused.get(buffer('queue', 0).planes, 0)).toBe(expected);
  });

  it('carries arbitrary timestamps and timecodes of output buffers', () => {
    const { request, buffer, queue } = rig({ type: OUTPUT, sizes: [1000] });
    request(1);
    const stamp = new Uint8Array(16).fill(0xa5);
    const { view } = buffer('queue', 0, {}, (v) => {
      new Uint8Array(v.buffer).set(stamp, B.timestamp.offset);
      new Uint8Array(v.buffer).set(stamp, B.timecode.offset);
      B.flags.set(v, 0, V4L2_BUF_FLAG_TIMECODE);
    });
    expect(new Uint8Array(view.buffer, B.timestamp.offset, 16)).toEqual(stamp);
    const [held] = queue.all;
    expect([held?.timestamp, held?.timecode]).toEqual([stamp, stamp]);
  });

  it('takes SHARED_PAGES buffers that are long enough and whose list covers them', () => {
    const { request, buffer, queue } = rig();
    request(1, V4L2_MEMORY_USERPTR);
    const memory = V4L2_MEMORY_USERPTR;
    const queueWith = (length: number, lists: GuestRange[][]) =>
      buffer('queue', 0, { memory, planes: [{ length }], lists }).errno;
    expect(queueWith(999, [[{ address: 0, length: 999 }]])).toBe(Errno.EINVAL);
    expect(queueWith(1200, [[{ address: 0, length: 1000 }]])).toBe(Errno.EINVAL);
    expect(queueWith(0, [])).toBe(Errno.EINVAL);
    expect(queueWith(0xffff_ffff, [[{ address: 0, length: 0xffff_ffff }]])).toBe(Errno.EINVAL);
    const ranges = [
      { address: 4096, length: 600 },
      { address: 16384, length: 600 },
    ];
    expect(queueWith(1200, [ranges])).toBe(0);
    const [held] = queue.all;
    expect(held && bufferMemory(held)).toEqual([{ kind: 'guest', ranges, length: 1200 }]);
  });
});

describe('streaming', () => {
  it('needs buffers, and starting twice is starting once', () => {
    const { queue, request, calls } = rig();
    expect(queue.streamOn()).toBe(Errno.EINVAL);
    expect(queue.streamOff()).toBe(0);
    request(1);
    expect(queue.streamOn()).toBe(0);
    expect(queue.streamOn()).toBe(0);
    expect(calls).toEqual(['start']);
  });

  it('hands out buffers in the order of QBUF, also those queued before STREAMON', () => {
    const { queue, request, buffer, calls } = rig();
    request(3);
    buffer('queue', 2);
    expect(queue.take()).toBeUndefined();
    queue.streamOn();
    buffer('queue', 0);
    expect(calls).toEqual(['start', 'queued', 'queued']);
    const first = queue.take();
    expect([first?.index, queue.take()?.index, queue.take()]).toEqual([2, 0, undefined]);
    if (first !== undefined) queue.untake(first);
    expect(queue.take()?.index).toBe(2);
  });

  it('P8: sends one event per buffer, with flags as after DQBUF', () => {
    const { queue, request, buffer, seen } = rig();
    request(2);
    buffer('queue', 1);
    queue.streamOn();
    const taken = queue.take();
    if (taken === undefined) expect.unreachable('a buffer waits');
    queue.done(taken, { bytesUsed: [5000], sequence: 7, timestamp: timevalBytes(12_345_678) });
    expect(seen.buffers).toEqual([
      {
        index: 1,
        flags: V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC | V4L2_BUF_FLAG_ERROR,
        sequence: 7,
        bytesUsed: 1000,
        timestamp: 12_345_678,
        planes: [],
      },
    ]);
    expect(() => queue.done(taken, {})).toThrow(DeviceError);
    expect(buffer('queue', 1).errno).toBe(0);
    expect(seen.buffers).toHaveLength(1);
  });

  it('zeroes sequence and timestamp when a capture buffer is queued again', () => {
    const { queue, request, buffer } = rig();
    request(1);
    buffer('queue', 0);
    queue.streamOn();
    const taken = queue.take();
    if (taken === undefined) expect.unreachable('a buffer waits');
    queue.done(taken, { sequence: 9, timestamp: timevalBytes(5) });
    const { view } = buffer('queue', 0);
    expect([B.sequence.get(view, 0), B.timestamp.fields.tv_usec.get(view, 0)]).toEqual([0, 0n]);
  });

  it('P8: STREAMOFF is answered only when the device has let go, and takes every buffer back without an event', async () => {
    let letGo = () => {};
    const stopped = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    const { queue, request, buffer, seen } = rig({ client: { stop: () => stopped } });
    request(2);
    buffer('queue', 0);
    buffer('queue', 1);
    queue.streamOn();
    queue.take();
    const answers: unknown[] = [];
    const off = Promise.resolve(queue.streamOff()).then((errno) => answers.push(errno));
    await Promise.resolve();
    expect([answers, request(0).errno]).toEqual([[], Errno.EBUSY]);
    letGo();
    await off;
    expect([answers, seen.buffers]).toEqual([[0], []]);
    expect(buffer('query', 0).flags).toBe(V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC);
    expect(buffer('queue', 0).errno).toBe(0);
  });

  it('stays stopped, with its buffers queued, when the device cannot start', () => {
    const { queue, request, buffer, seen } = rig({ client: { start: () => Errno.ENODEV } });
    request(1);
    buffer('queue', 0);
    expect(queue.streamOn()).toBe(Errno.ENODEV);
    expect([queue.streaming, seen.buffers, buffer('query', 0).flags & V4L2_BUF_FLAG_QUEUED]).toEqual([
      false,
      [],
      V4L2_BUF_FLAG_QUEUED,
    ]);
  });

  it('after a failure returns waiting buffers with ERROR, answers EIO, and works again after STREAMOFF', () => {
    const { queue, request, buffer, seen } = rig();
    request(3);
    buffer('queue', 0);
    buffer('queue', 1);
    queue.streamOn();
    const active = queue.take();
    queue.fail();
    expect(seen.buffers.map((b) => [b.index, b.flags & V4L2_BUF_FLAG_ERROR])).toEqual([[1, V4L2_BUF_FLAG_ERROR]]);
    expect(buffer('queue', 2).errno).toBe(Errno.EIO);
    expect(queue.streamOn()).toBe(Errno.EIO);
    if (active !== undefined) queue.done(active, { flags: V4L2_BUF_FLAG_ERROR });
    expect(seen.buffers).toHaveLength(2);
    expect(queue.streamOff()).toBe(0);
    expect(buffer('queue', 2).errno).toBe(0);
    expect(queue.streamOn()).toBe(0);
    expect(queue.take()?.index).toBe(2);
  });

  it('frees everything on release, after the device has let go', async () => {
    const { queue, request, buffer, arena, calls } = rig();
    request(4);
    buffer('queue', 0);
    queue.streamOn();
    await queue.release();
    expect([arena.blocks, calls.at(-1), queue.count]).toEqual([0, 'stop', 0]);
  });
});
