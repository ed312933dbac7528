// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { MULTI, rig, SINGLE } from '../../testing/buffer-queue-rig.ts';
import {
  Errno,
  V4L2_MEMORY_DMABUF,
  V4L2_MEMORY_USERPTR,
  VIDIOC_REMOVE_BUFS,
  v4l2_create_buffers,
  v4l2_remove_buffers,
  v4l2_requestbuffers,
} from '../../wire/index.ts';
import { makeCall } from '../framework/test-call.ts';

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

  it('ends in ENOMEM when it is not enough for one buffer, and the queue is free for others', async () => {
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
