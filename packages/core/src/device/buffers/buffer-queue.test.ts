// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { rig } from '../../testing/buffer-queue-rig.ts';
import { timevalBytes } from '../../v4l2/index.ts';
import {
  Errno,
  V4L2_BUF_FLAG_ERROR,
  V4L2_BUF_FLAG_QUEUED,
  V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC,
  v4l2_buffer,
} from '../../wire/index.ts';
import { DeviceError } from '../framework/device-error.ts';

const B = v4l2_buffer.fields;

describe('a queue that streams', () => {
  it('needs buffers, and is not changed by a second STREAMON', () => {
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
    expect([queue.take()?.index, queue.take()?.index, queue.take()]).toEqual([2, 0, undefined]);
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

  it('returns waiting buffers with ERROR after a failure, answers EIO, and works again after STREAMOFF', () => {
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
