// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import type { GuestRange } from '../../ports/index.ts';
import { MULTI, OUTPUT, rig } from '../../testing/buffer-queue-rig.ts';
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
  V4L2_FIELD_ALTERNATE,
  V4L2_FIELD_NONE,
  V4L2_MEMORY_USERPTR,
  v4l2_buffer,
  v4l2_plane,
} from '../../wire/index.ts';
import { bufferMemory } from './v4l2-buffer.ts';

const B = v4l2_buffer.fields;
const P = v4l2_plane.fields;

describe('a queue asked by QUERYBUF, PREPARE_BUF and QBUF', () => {
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

  it('the answer to a multi-planar QBUF has flags, lengths and offsets, and leaves m.planes alone (VM-D3)', () => {
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

  it('takes a buffer from dequeued to prepared to queued, and no step twice', () => {
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

  it('takes bytesused 0 of an output buffer for all of it', () => {
    const { request, buffer } = rig({ type: OUTPUT, sizes: [1000] });
    request(1);
    expect(P.bytesused.get(buffer('queue', 0).planes, 0)).toBe(1000);
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
