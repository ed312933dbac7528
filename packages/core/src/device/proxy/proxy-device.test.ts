// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { HeapAccess, HeapArena, RegionMemory } from '../../memory/index.ts';
import type { BufferMemory, ByteBudget, MemoryPart, PlaneStorage } from '../../ports/index.ts';
import { ToyNode, type ToyNodeOptions } from '../../testing/index.ts';
import {
  Errno,
  IOCTLS,
  V4L2_BUF_FLAG_ERROR,
  V4L2_BUF_FLAG_MAPPED,
  V4L2_BUF_FLAG_REQUEST_FD,
  V4L2_BUF_TYPE_VIDEO_CAPTURE,
  V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE,
  V4L2_BUF_TYPE_VIDEO_OUTPUT,
  V4L2_BUF_TYPE_VIDEO_OVERLAY,
  V4L2_CTRL_WHICH_REQUEST_VAL,
  V4L2_MEMORY_MMAP,
  V4L2_MEMORY_USERPTR,
  VIDIOC_CREATE_BUFS,
  VIDIOC_G_EXT_CTRLS,
  VIDIOC_G_FMT,
  VIDIOC_G_STD,
  VIDIOC_PREPARE_BUF,
  VIDIOC_QBUF,
  VIDIOC_QUERYBUF,
  VIDIOC_REMOVE_BUFS,
  VIDIOC_REQBUFS,
  VIDIOC_S_EXT_CTRLS,
  VIDIOC_S_FMT,
  VIDIOC_STREAMOFF,
  VIDIOC_STREAMON,
  VIDIOC_TRY_FMT,
  v4l2_buffer,
  v4l2_create_buffers,
  v4l2_ext_control,
  v4l2_ext_controls,
  v4l2_plane,
  v4l2_remove_buffers,
  v4l2_requestbuffers,
} from '../../wire/index.ts';
import { DEFAULT_LIMITS } from '../framework/limits.ts';
import type { DequeueTicket, IoctlCall, MediaSession } from '../framework/media-device.ts';
import { makeCall, SeenEvents } from '../framework/test-call.ts';
import { PROXY_LIMITS, ProxyDevice } from './proxy-device.ts';

const CAPTURE = V4L2_BUF_TYPE_VIDEO_CAPTURE;
const OUTPUT = V4L2_BUF_TYPE_VIDEO_OUTPUT;
const MPLANE = V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE;
const B = v4l2_buffer.fields;
const RAM = 4096;
const DIRT = 0xa5;

/** Events that wait for a guest while the test says so. */
class HeldEvents extends SeenEvents {
  waiting = false;
  withdrawn = 0;

  override dequeue(buffer: DataView, planes: DataView | undefined): DequeueTicket | undefined {
    super.dequeue(buffer, planes);
    if (!this.waiting) return undefined;
    return {
      waiting: true,
      withdraw: () => {
        this.withdrawn++;
      },
    };
  }
}

interface RigOptions extends ToyNodeOptions {
  readonly arena?: number;
  readonly budget?: ByteBudget;
}

async function rig(o: RigOptions = {}) {
  const node = new ToyNode(o);
  const memory = new RegionMemory();
  const ram = new Uint8Array(RAM);
  memory.addRegion({ address: 0, bytes: ram });
  const arena = new HeapArena(o.arena ?? 1 << 22);
  const copies: (() => void)[] = [];
  const heap = new HeapAccess(arena, memory);
  /** while true, copies wait until the test lets them go on */
  const hold = { on: false };
  const held = <T>(copy: () => Promise<T>): Promise<T> =>
    hold.on ? new Promise<void>((resolve) => copies.push(resolve)).then(copy) : copy();
  const access = {
    open: true,
    store: (from: readonly PlaneStorage[], to: readonly BufferMemory[]) => held(() => heap.store(from, to)),
    load: heap.load.bind(heap),
    fetch: (from: readonly MemoryPart[], to: readonly PlaneStorage[]) => held(() => heap.fetch(from, to)),
  };
  const device = new ProxyDevice({ deviceCaps: 1, card: 'toy', open: node.open, buffers: arena, access, budget: o.budget });
  const events = new HeldEvents();
  const session = (await device.open(events)) as MediaSession;
  return { node, ram, arena, copies, hold, device, events, session };
}

function payload(nr: number, fill: (view: DataView) => void, o: Parameters<typeof makeCall>[2] = {}): IoctlCall {
  const call = makeCall(nr, IOCTLS.find((info) => info.nr === nr)?.size ?? 0, o);
  fill(call.payload);
  return call;
}

function request(type: number, count: number, memory = V4L2_MEMORY_MMAP): IoctlCall {
  const f = v4l2_requestbuffers.fields;
  return payload(VIDIOC_REQBUFS, (view) => {
    f.count.set(view, 0, count);
    f.type.set(view, 0, type);
    f.memory.set(view, 0, memory);
  });
}

interface BufferOptions {
  readonly memory?: number;
  readonly bytesused?: number;
  readonly length?: number;
  readonly flags?: number;
  readonly lists?: IoctlCall['lists'];
  readonly planes?: number;
  readonly dirt?: number;
}

function buffer(nr: number, type: number, index: number, o: BufferOptions = {}): IoctlCall {
  const call = payload(
    nr,
    (view) => {
      B.index.set(view, 0, index);
      B.type.set(view, 0, type);
      B.memory.set(view, 0, o.memory ?? V4L2_MEMORY_MMAP);
      B.flags.set(view, 0, o.flags ?? 0);
      B.bytesused.set(view, 0, o.bytesused ?? 0);
      if (o.length !== undefined) B.length.set(view, 0, o.length);
    },
    {
      ...(o.planes !== undefined && { planes: o.planes }),
      ...(o.lists !== undefined && { lists: o.lists }),
      ...(o.dirt !== undefined && { dirt: o.dirt }),
    },
  );
  if (o.dirt !== undefined) new Uint8Array(call.planes.buffer).fill(o.dirt);
  return call;
}

const number = (nr: number, value: number): IoctlCall => payload(nr, (view) => view.setUint32(0, value, true));
const flush = async (): Promise<void> => {
  for (let i = 0; i < 20; i++) await Promise.resolve();
};

describe('a proxy', () => {
  it('hands an ioctl without pointers through as it is, and its answer back', async () => {
    const { session, node } = await rig({
      answer: ({ payload }) => {
        payload.fill(7);
        return 0;
      },
    });
    const call = makeCall(VIDIOC_G_STD, 8);
    expect(await session.ioctl(call)).toBe(0);
    expect([...new Uint8Array(call.payload.buffer)]).toEqual(Array(8).fill(7));
    expect(node.requests.map(({ nr }) => nr)).toEqual([VIDIOC_G_STD]);
  });

  it('leaves the payload alone where the driver refuses, and carries its errno', async () => {
    const { session } = await rig({
      answer: ({ payload }) => {
        payload.fill(7);
        return Errno.EDOM;
      },
    });
    const call = makeCall(VIDIOC_G_STD, 8);
    expect(await session.ioctl(call)).toBe(Errno.EDOM);
    expect(call.payload.getUint32(0, true)).toBe(0);
  });

  it.each([
    'VIDIOC_G_EDID',
    'VIDIOC_S_EDID',
    'VIDIOC_G_FBUF',
    'VIDIOC_S_FBUF',
    'VIDIOC_OVERLAY',
    'VIDIOC_EXPBUF',
    'VIDIOC_DBG_G_REGISTER',
    'VIDIOC_DBG_S_REGISTER',
    'VIDIOC_DBG_G_CHIP_INFO',
    'VIDIOC_QUERYCAP',
    'VIDIOC_DQBUF',
    'VIDIOC_DQEVENT',
    'VIDIOC_LOG_STATUS',
  ])('answers %s by itself: ENOTTY', async (name) => {
    const { session, node } = await rig();
    const info = IOCTLS.find((each) => each.name === name);
    expect(await session.ioctl(makeCall(info?.nr ?? -1, info?.size ?? 0))).toBe(Errno.ENOTTY);
    expect(node.requests).toEqual([]);
  });

  it.each([VIDIOC_G_FMT, VIDIOC_S_FMT, VIDIOC_TRY_FMT])(
    'does not hand the pointers in the format of an overlay on (%i)',
    async (nr) => {
      const { session, node } = await rig();
      expect(await session.ioctl(number(nr, V4L2_BUF_TYPE_VIDEO_OVERLAY))).toBe(Errno.EINVAL);
      expect(node.requests).toEqual([]);
    },
  );

  it('makes the struct of a buffer afresh: no pointer, descriptor or reserved byte of a guest reaches the driver', async () => {
    const { session, node } = await rig({ planes: [64, 32] });
    await session.ioctl(request(MPLANE, 1));
    const call = buffer(VIDIOC_QBUF, MPLANE, 0, { planes: 2, dirt: DIRT, flags: 0xffff_ffff & ~V4L2_BUF_FLAG_REQUEST_FD });
    expect(await session.ioctl(call)).toBe(0);
    const [sent] = node.asked(VIDIOC_QBUF);
    const view = new DataView(sent?.payload.buffer as ArrayBuffer);
    expect(B.m.fields.userptr.get(view, 0)).toEqual(new Uint8Array(8));
    expect([
      B.memory.get(view, 0),
      B.length.get(view, 0),
      B.reserved2.get(view, 0),
      B.anon.fields.request_fd.get(view, 0),
    ]).toEqual([V4L2_MEMORY_MMAP, 2, 0, 0]);
    expect(B.flags.get(view, 0) & V4L2_BUF_FLAG_MAPPED).toBe(0);
    const planes = new DataView(sent?.planes?.buffer as ArrayBuffer);
    for (const at of [0, v4l2_plane.size]) {
      expect(v4l2_plane.fields.m.fields.userptr.get(planes, at)).toEqual(new Uint8Array(8));
      expect(v4l2_plane.fields.reserved.get(planes, at)).toEqual(new Uint8Array(44));
      expect(v4l2_plane.fields.length.get(planes, at)).toBe(0);
    }
  });

  it('refuses requests: of buffers with EBADR, of controls with EINVAL', async () => {
    const { session, node } = await rig();
    await session.ioctl(request(CAPTURE, 1));
    expect(await session.ioctl(buffer(VIDIOC_QBUF, CAPTURE, 0, { flags: V4L2_BUF_FLAG_REQUEST_FD }))).toBe(Errno.EBADR);
    const which = payload(VIDIOC_G_EXT_CTRLS, (view) =>
      v4l2_ext_controls.fields.anon.fields.which.set(view, 0, V4L2_CTRL_WHICH_REQUEST_VAL),
    );
    expect(await session.ioctl(which)).toBe(Errno.EINVAL);
    expect([node.asked(VIDIOC_QBUF), node.asked(VIDIOC_G_EXT_CTRLS)]).toEqual([[], []]);
  });
});

describe('the controls of a proxy', () => {
  function controlCall(nr: number, sizes: readonly number[], memory: Partial<IoctlCall['memory']> = {}): IoctlCall {
    const call = payload(nr, (view) => {
      v4l2_ext_controls.fields.count.set(view, 0, sizes.length);
      v4l2_ext_controls.fields.request_fd.set(view, 0, 99);
      v4l2_ext_controls.fields.controls.set(view, 0, new Uint8Array(8).fill(DIRT));
    });
    const controls = new DataView(new ArrayBuffer(sizes.length * v4l2_ext_control.size));
    sizes.forEach((size, i) => {
      v4l2_ext_control.fields.size.set(controls, i * v4l2_ext_control.size, size);
    });
    return {
      ...call,
      controls,
      lists: sizes.map((size) => (size === 0 ? [] : [{ address: 0, length: size }])),
      memory: { read: (_, length) => new Uint8Array(length).fill(3), write: () => true, ...memory },
    };
  }

  it('fetches what stands behind pointers once, and hands on neither the pointers nor a descriptor', async () => {
    let reads = 0;
    const read = (_: unknown, length: number): Uint8Array => {
      reads++;
      return new Uint8Array(length).fill(3);
    };
    const { session, node } = await rig();
    expect(await session.ioctl(controlCall(VIDIOC_S_EXT_CTRLS, [0, 5], { read }))).toBe(0);
    const [sent] = node.asked(VIDIOC_S_EXT_CTRLS);
    const view = new DataView(sent?.payload.buffer as ArrayBuffer);
    expect(v4l2_ext_controls.fields.controls.get(view, 0)).toEqual(new Uint8Array(8));
    expect(v4l2_ext_controls.fields.request_fd.get(view, 0)).toBe(0);
    expect([reads, sent?.contents]).toEqual([1, [undefined, new Uint8Array(5).fill(3)]]);
  });

  it('puts what the driver gave where the guest wants it, and begins with zeros', async () => {
    const written: Uint8Array[] = [];
    const write = (_: unknown, bytes: Uint8Array): boolean => written.push(bytes.slice()) > 0;
    let before: Uint8Array | undefined;
    const { session } = await rig({
      answer: ({ contents }) => {
        before = contents?.[0]?.slice();
        contents?.[0]?.set([1, 2]);
        return 0;
      },
    });
    expect(await session.ioctl(controlCall(VIDIOC_G_EXT_CTRLS, [4], { write }))).toBe(0);
    expect([before, written]).toEqual([new Uint8Array(4), [Uint8Array.of(1, 2, 0, 0)]]);
  });

  it('P6: says which control was refused', async () => {
    const { session } = await rig({
      answer: ({ payload, controls }) => {
        v4l2_ext_controls.fields.error_idx.set(new DataView(payload.buffer), 0, 1);
        if (controls !== undefined) v4l2_ext_control.fields.size.set(new DataView(controls.buffer), v4l2_ext_control.size, 17);
        return Errno.ENOSPC;
      },
    });
    const call = controlCall(VIDIOC_G_EXT_CTRLS, [0, 4]);
    expect(await session.ioctl(call)).toBe(Errno.ENOSPC);
    expect(v4l2_ext_controls.fields.error_idx.get(call.payload, 0)).toBe(1);
    expect(v4l2_ext_control.fields.size.get(call.controls, v4l2_ext_control.size)).toBe(17);
  });

  it('P19: bounds how many there are and what they bring, and answers EFAULT for memory that is not there', async () => {
    const { session, node } = await rig();
    const { controlsPerCall, controlBytes } = DEFAULT_LIMITS;
    expect(await session.ioctl(controlCall(VIDIOC_S_EXT_CTRLS, Array(controlsPerCall + 1).fill(0)))).toBe(Errno.EINVAL);
    expect(await session.ioctl(controlCall(VIDIOC_S_EXT_CTRLS, [controlBytes, 1]))).toBe(Errno.ENOSPC);
    expect(await session.ioctl(controlCall(VIDIOC_S_EXT_CTRLS, [4], { read: () => undefined }))).toBe(Errno.EFAULT);
    expect(node.requests).toEqual([]);
    expect(await session.ioctl(controlCall(VIDIOC_G_EXT_CTRLS, [4], { write: () => false }))).toBe(Errno.EFAULT);
  });
});

describe('the buffers of a proxy', () => {
  it('are blocks of the arena beside the driver’s, whose bytes arrive before the event', async () => {
    const { session, node, arena, events } = await rig();
    const call = request(CAPTURE, 2, V4L2_MEMORY_MMAP);
    expect(await session.ioctl(call)).toBe(0);
    expect([call.payload.getUint32(0, true), arena.blocks]).toEqual([2, 2]);
    const query = buffer(VIDIOC_QUERYBUF, CAPTURE, 1);
    await session.ioctl(query);
    const offset = B.m.fields.offset.get(query.payload, 0);
    expect(session.plane(offset)?.length).toBe(64);
    expect(await session.ioctl(buffer(VIDIOC_QBUF, CAPTURE, 1))).toBe(0);
    await session.ioctl(number(VIDIOC_STREAMON, CAPTURE));
    node.finish(CAPTURE, 1, [Uint8Array.of(1, 2, 3)]);
    await flush();
    expect(events.buffers).toMatchObject([{ index: 1, bytesUsed: 3 }]);
    expect([...arena.bytes.subarray(offset, offset + 4)]).toEqual([1, 2, 3, 0]);
  });

  it('tell nothing of the driver’s memory, and are of the guest’s kind', async () => {
    const { session } = await rig();
    await session.ioctl(request(CAPTURE, 1, V4L2_MEMORY_USERPTR));
    const query = buffer(VIDIOC_QUERYBUF, CAPTURE, 0);
    await session.ioctl(query);
    expect([B.memory.get(query.payload, 0), B.length.get(query.payload, 0)]).toEqual([V4L2_MEMORY_USERPTR, 64]);
    expect(B.m.fields.userptr.get(query.payload, 0)).toEqual(new Uint8Array(8));
  });

  it('arrive in order, however long each copy takes', async () => {
    const { session, node, events, hold, copies } = await rig();
    await session.ioctl(request(CAPTURE, 3));
    for (const index of [0, 1, 2]) await session.ioctl(buffer(VIDIOC_QBUF, CAPTURE, index));
    await session.ioctl(number(VIDIOC_STREAMON, CAPTURE));
    hold.on = true;
    for (const index of [2, 0, 1]) node.finish(CAPTURE, index, [Uint8Array.of(index)]);
    for (const go of copies.toReversed()) {
      go();
      await flush();
    }
    expect(events.buffers.map(({ index }) => index)).toEqual([2, 0, 1]);
  });

  it('go to the device with the guest’s bytes in them, all of them where none are said', async () => {
    const { session, node, arena } = await rig();
    await session.ioctl(request(OUTPUT, 2));
    const query = buffer(VIDIOC_QUERYBUF, OUTPUT, 1);
    await session.ioctl(query);
    arena.bytes.fill(9, B.m.fields.offset.get(query.payload, 0)).fill(9, 0, 64);
    await session.ioctl(buffer(VIDIOC_QBUF, OUTPUT, 0, { bytesused: 2 }));
    await session.ioctl(buffer(VIDIOC_QBUF, OUTPUT, 1));
    const all = node.buffersOf.get(OUTPUT);
    expect(all?.get(0)?.planes[0]?.filter((byte) => byte === 9).length).toBe(2);
    expect(all?.get(1)?.planes[0]?.filter((byte) => byte === 9).length).toBe(64);
  });

  it('never read or write past what both sides have, whatever a guest says', async () => {
    const { session, node } = await rig();
    await session.ioctl(request(OUTPUT, 1));
    expect(await session.ioctl(buffer(VIDIOC_QBUF, OUTPUT, 0, { bytesused: 0xffff_ffff }))).toBe(0);
    // It is the driver that says EINVAL; what it was told is what the guest said.
    const [sent] = node.asked(VIDIOC_QBUF);
    expect(B.bytesused.get(new DataView(sent?.payload.buffer as ArrayBuffer), 0)).toBe(0xffff_ffff);
  });

  it('in pages of the guest are taken with each QBUF, if they hold what the driver’s do', async () => {
    const { session, node, ram, events } = await rig();
    await session.ioctl(request(CAPTURE, 1, V4L2_MEMORY_USERPTR));
    const queue = (length: number, covered: number) =>
      session.ioctl(
        buffer(VIDIOC_QBUF, CAPTURE, 0, { memory: V4L2_MEMORY_USERPTR, length, lists: [[{ address: 100, length: covered }]] }),
      );
    expect([await queue(63, 63), await queue(64, 63), await queue(0x7fff_ffff, 0x7fff_ffff)]).toEqual(
      Array(3).fill(Errno.EINVAL),
    );
    expect(node.asked(VIDIOC_QBUF)).toEqual([]);
    expect(await queue(64, 64)).toBe(0);
    await session.ioctl(number(VIDIOC_STREAMON, CAPTURE));
    node.finish(CAPTURE, 0, [Uint8Array.of(5, 6)]);
    await flush();
    expect([...ram.subarray(99, 103)]).toEqual([0, 5, 6, 0]);
    expect(events.buffers).toMatchObject([{ index: 0, flags: 0 }]);
  });

  it('come back with the error flag if the guest’s memory is not there; to the device they do not go then', async () => {
    const { session, node, events } = await rig();
    const absent = { memory: V4L2_MEMORY_USERPTR, length: 64, lists: [[{ address: 2 * RAM, length: 64 }]] };
    await session.ioctl(request(CAPTURE, 1, V4L2_MEMORY_USERPTR));
    await session.ioctl(buffer(VIDIOC_QBUF, CAPTURE, 0, absent));
    await session.ioctl(number(VIDIOC_STREAMON, CAPTURE));
    node.finish(CAPTURE, 0, [Uint8Array.of(1)]);
    await flush();
    expect(events.buffers).toMatchObject([{ index: 0, flags: V4L2_BUF_FLAG_ERROR }]);
    await session.ioctl(request(OUTPUT, 1, V4L2_MEMORY_USERPTR));
    expect(await session.ioctl(buffer(VIDIOC_QBUF, OUTPUT, 0, absent))).toBe(Errno.EFAULT);
  });

  it('that were prepared keep what they brought then', async () => {
    const { session, node, arena } = await rig();
    await session.ioctl(request(OUTPUT, 1));
    arena.bytes.fill(1, 0, 64);
    await session.ioctl(buffer(VIDIOC_PREPARE_BUF, OUTPUT, 0));
    arena.bytes.fill(2, 0, 64);
    await session.ioctl(buffer(VIDIOC_QBUF, OUTPUT, 0));
    expect(node.buffersOf.get(OUTPUT)?.get(0)?.planes[0]?.[0]).toBe(1);
  });

  it('P9: cannot be queued again before the guest has heard of them', async () => {
    const { session, node, events } = await rig();
    await session.ioctl(request(CAPTURE, 1));
    await session.ioctl(buffer(VIDIOC_QBUF, CAPTURE, 0));
    await session.ioctl(number(VIDIOC_STREAMON, CAPTURE));
    events.waiting = true;
    node.finish(CAPTURE, 0, [Uint8Array.of(1)]);
    await flush();
    expect(await session.ioctl(buffer(VIDIOC_QBUF, CAPTURE, 0))).toBe(Errno.EINVAL);
    const remove = payload(VIDIOC_REMOVE_BUFS, (view) => {
      v4l2_remove_buffers.fields.count.set(view, 0, 1);
      v4l2_remove_buffers.fields.type.set(view, 0, CAPTURE);
    });
    expect(await session.ioctl(remove)).toBe(Errno.EBUSY);
    await session.ioctl(number(VIDIOC_STREAMOFF, CAPTURE));
    expect(events.withdrawn).toBe(1);
  });

  it('P8: STREAMOFF waits for copies, and no event follows it', async () => {
    const { session, node, events, hold, copies } = await rig();
    await session.ioctl(request(CAPTURE, 1));
    await session.ioctl(buffer(VIDIOC_QBUF, CAPTURE, 0));
    await session.ioctl(number(VIDIOC_STREAMON, CAPTURE));
    hold.on = true;
    node.finish(CAPTURE, 0, [Uint8Array.of(1)]);
    let off = false;
    const stopped = Promise.resolve(session.ioctl(number(VIDIOC_STREAMOFF, CAPTURE))).then(() => {
      off = true;
    });
    await flush();
    expect(off).toBe(false);
    for (const go of copies) go();
    await stopped;
    await flush();
    expect(events.buffers).toEqual([]);
  });

  it('P18: cannot be asked for while the queue streams', async () => {
    const { session, node } = await rig();
    await session.ioctl(request(CAPTURE, 1));
    await session.ioctl(number(VIDIOC_STREAMON, CAPTURE));
    expect(await session.ioctl(request(CAPTURE, 2))).toBe(Errno.EBUSY);
    expect(node.asked(VIDIOC_REQBUFS)).toHaveLength(1);
  });

  it('P19: are as many as the limit says at most', async () => {
    const { session } = await rig();
    const call = request(CAPTURE, 0xffff_ffff);
    expect(await session.ioctl(call)).toBe(0);
    expect(call.payload.getUint32(0, true)).toBe(PROXY_LIMITS.buffersPerQueue);
    const more = payload(VIDIOC_CREATE_BUFS, (view) => {
      v4l2_create_buffers.fields.count.set(view, 0, 1);
      v4l2_create_buffers.fields.memory.set(view, 0, V4L2_MEMORY_MMAP);
      v4l2_create_buffers.fields.format.fields.type.set(view, 0, CAPTURE);
    });
    expect(await session.ioctl(more)).toBe(Errno.ENOBUFS);
  });

  it('P19: are given back to the driver where the guest may not have so much memory', async () => {
    const held = { bytes: 0 };
    const budget: ByteBudget = {
      take: (bytes) => {
        if (held.bytes + bytes > 200) return false;
        held.bytes += bytes;
        return true;
      },
      give: (bytes) => {
        held.bytes -= bytes;
      },
    };
    const { session, node, arena } = await rig({ budget });
    expect(await session.ioctl(request(CAPTURE, 4))).toBe(Errno.ENOMEM);
    expect([node.buffersOf.get(CAPTURE)?.size, arena.blocks, held.bytes]).toEqual([0, 0, 0]);
    expect(await session.ioctl(request(CAPTURE, 3))).toBe(0);
    expect(held.bytes).toBe(192);
    await session.close();
    expect([held.bytes, arena.blocks, node.isOpen]).toEqual([0, 0, false]);
  });

  it('are given back to the driver where the arena is full', async () => {
    const { session, node, arena } = await rig({ arena: 1 << 17 });
    expect(await session.ioctl(request(CAPTURE, 3))).toBe(Errno.ENOMEM);
    expect([node.buffersOf.get(CAPTURE)?.size, arena.blocks]).toEqual([0, 0]);
  });
});

describe('a proxy whose device', () => {
  async function streaming() {
    const all = await rig();
    await all.session.ioctl(request(CAPTURE, 2));
    for (const index of [0, 1]) await all.session.ioctl(buffer(VIDIOC_QBUF, CAPTURE, index));
    await all.session.ioctl(number(VIDIOC_STREAMON, CAPTURE));
    return all;
  }

  it('fails gives all buffers back with the error flag, and takes none until STREAMOFF', async () => {
    const { session, node, events } = await streaming();
    node.fail(CAPTURE);
    expect(events.buffers.map(({ index, flags }) => [index, flags])).toEqual([
      [0, V4L2_BUF_FLAG_ERROR],
      [1, V4L2_BUF_FLAG_ERROR],
    ]);
    expect(await session.ioctl(buffer(VIDIOC_QBUF, CAPTURE, 0))).toBe(Errno.EIO);
    expect(await session.ioctl(number(VIDIOC_STREAMOFF, CAPTURE))).toBe(0);
    expect(await session.ioctl(buffer(VIDIOC_QBUF, CAPTURE, 0))).toBe(0);
  });

  it('is gone answers ENODEV, but gives the guest’s memory back', async () => {
    const { session, node, events, arena } = await streaming();
    node.unplug();
    await flush();
    expect(events.buffers).toHaveLength(2);
    expect(node.isOpen).toBe(false);
    expect(await session.ioctl(makeCall(VIDIOC_G_STD, 8))).toBe(Errno.ENODEV);
    expect(await session.ioctl(makeCall(40, 40))).toBe(Errno.ENOTTY);
    // A guest that is told ENODEV here would go round for ever with buffers that fail.
    expect(await session.ioctl(buffer(VIDIOC_QBUF, CAPTURE, 0))).toBe(Errno.EIO);
    expect(await session.ioctl(number(VIDIOC_STREAMOFF, CAPTURE))).toBe(0);
    expect(await session.ioctl(buffer(VIDIOC_QBUF, CAPTURE, 0))).toBe(Errno.ENODEV);
    expect(await session.ioctl(request(CAPTURE, 1))).toBe(Errno.ENODEV);
    expect(await session.ioctl(request(CAPTURE, 0))).toBe(0);
    expect(arena.blocks).toBe(0);
  });

  it('is lost with its thread ends the session', async () => {
    const { node, events } = await streaming();
    node.die();
    expect(events.errors).toEqual([Errno.EIO]);
  });

  it('has as many sessions as the limit says, and no more', async () => {
    const { device } = await rig();
    const opened = await Promise.all(Array.from({ length: PROXY_LIMITS.sessions }, () => device.open(new SeenEvents())));
    expect(opened.filter((each) => each === Errno.EMFILE)).toHaveLength(1);
    await device[Symbol.asyncDispose]();
  });
});
