// SPDX-License-Identifier: Apache-2.0
/** A guest that sends anything to a proxied node: the driver is told no pointer of it, and nothing leaks. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HeapAccess, HeapArena, RegionMemory } from '../../memory/index.ts';
import type { NodeRequest } from '../../ports/index.ts';
import { ToyNode } from '../../testing/index.ts';
import {
  Errno,
  IOCTLS,
  V4L2_BUF_FLAG_REQUEST_FD,
  V4L2_MEMORY_MMAP,
  VIDIOC_CREATE_BUFS,
  VIDIOC_G_EXT_CTRLS,
  VIDIOC_PREPARE_BUF,
  VIDIOC_QBUF,
  VIDIOC_QUERYBUF,
  VIDIOC_REQBUFS,
  VIDIOC_S_EXT_CTRLS,
  VIDIOC_TRY_EXT_CTRLS,
  v4l2_buffer,
  v4l2_create_buffers,
  v4l2_ext_control,
  v4l2_ext_controls,
  v4l2_plane,
  v4l2_requestbuffers,
} from '../../wire/index.ts';
import type { IoctlCall, MediaSession } from '../framework/media-device.ts';
import { SeenEvents } from '../framework/test-call.ts';
import { ProxyDevice } from './proxy-device.ts';

const ERRNOS: ReadonlySet<number> = new Set([0, ...Object.values(Errno)]);
/** Small numbers that mean something to V4L2, and numbers at the edges. */
const word = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 0, max: 12 }) },
  { weight: 1, arbitrary: fc.constantFrom(64, 0x8000_0000, 0xc000_0000, 0xffff_ffff) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 0xffff_ffff }) },
);
const step = fc.record({
  nr: fc.constantFrom(
    ...IOCTLS.map((info) => info.nr),
    ...Array(8).fill(VIDIOC_REQBUFS),
    ...Array(12).fill(VIDIOC_QBUF),
    18,
    18,
    19,
  ),
  words: fc.array(word, { minLength: 8, maxLength: 30 }),
  memory: fc.constantFrom(1, 1, 2, 3, 4),
  planes: fc.integer({ min: 0, max: 8 }),
  lists: fc.array(fc.array(fc.record({ address: fc.integer({ min: 0, max: 8192 }), length: word }), { maxLength: 3 }), {
    maxLength: 8,
  }),
  driver: fc.constantFrom('nothing', 'nothing', 'finish', 'finish', 'fail'),
});

function bytes(size: number, words: readonly number[]): DataView {
  const view = new DataView(new ArrayBuffer(size));
  for (let at = 0; at + 4 <= size; at += 4) view.setUint32(at, words[(at / 4) % words.length] ?? 0, true);
  return view;
}

/** What a request holds that would be a pointer or a descriptor to the kernel. */
function pointers({ nr, payload, planes }: NodeRequest): readonly number[] {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const found: number[] = [];
  const look = (at: number, size: number, of: DataView): void => {
    for (let i = at; i < at + size; i++) found.push(of.getUint8(i));
  };
  const B = v4l2_buffer.fields;
  if (nr === VIDIOC_QBUF || nr === VIDIOC_PREPARE_BUF || nr === VIDIOC_QUERYBUF) {
    look(B.m.offset, B.m.size, view);
    look(B.anon.offset, B.anon.size, view);
    found.push(B.flags.get(view, 0) & V4L2_BUF_FLAG_REQUEST_FD, B.memory.get(view, 0) - V4L2_MEMORY_MMAP);
    for (let at = 0; at < (planes?.length ?? 0); at += v4l2_plane.size)
      look(at + v4l2_plane.fields.m.offset, v4l2_plane.fields.m.size, new DataView(planes?.buffer as ArrayBuffer));
  } else if (nr === VIDIOC_G_EXT_CTRLS || nr === VIDIOC_S_EXT_CTRLS || nr === VIDIOC_TRY_EXT_CTRLS) {
    look(v4l2_ext_controls.fields.controls.offset, 8, view);
    look(v4l2_ext_controls.fields.request_fd.offset, 4, view);
  } else if (nr === VIDIOC_REQBUFS) found.push(v4l2_requestbuffers.fields.memory.get(view, 0) - V4L2_MEMORY_MMAP);
  else if (nr === VIDIOC_CREATE_BUFS) found.push(v4l2_create_buffers.fields.memory.get(view, 0) - V4L2_MEMORY_MMAP);
  return found.filter((each) => each !== 0);
}

describe('a proxied node under a hostile guest', () => {
  it('P19: survives any sequence of ioctls, and its driver is told no pointer of them', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 60 }), async (steps) => {
        const memory = new RegionMemory();
        memory.addRegion({ address: 0, bytes: new Uint8Array(4096) });
        const arena = new HeapArena(1 << 22);
        const node = new ToyNode({ planes: [64, 32] });
        const access = new HeapAccess(arena, memory);
        let held = 0;
        const budget = {
          take: (taken: number): boolean => {
            held += taken;
            return true;
          },
          give: (given: number): void => {
            held -= given;
          },
        };
        const device = new ProxyDevice({ deviceCaps: 1, card: 'toy', open: node.open, buffers: arena, access, budget });
        const session = (await device.open(new SeenEvents())) as MediaSession;
        for (const { nr, words, memory, planes, lists, driver } of steps) {
          const call: IoctlCall = {
            nr,
            payload: bytes(IOCTLS.find((info) => info.nr === nr)?.size ?? 0, words),
            planes: bytes(planes * v4l2_plane.size, words),
            controls: bytes(Math.min(words[1] ?? 0, 64) * v4l2_ext_control.size, words.slice(2)),
            lists,
            memory: { read: (_, length) => new Uint8Array(length), write: () => true },
            payloadOnError: false,
          };
          if (nr === VIDIOC_QBUF) v4l2_buffer.fields.memory.set(call.payload, 0, memory);
          if (nr === VIDIOC_REQBUFS) v4l2_requestbuffers.fields.memory.set(call.payload, 0, memory);
          expect(ERRNOS.has(await session.ioctl(call))).toBe(true);
          const type = [...node.streaming][0] ?? 1;
          if (driver === 'finish') node.finish(type, words[0] ?? 0, [Uint8Array.of(1), Uint8Array.of(2)]);
          if (driver === 'fail') node.fail(type);
        }
        await device[Symbol.asyncDispose]();
        expect(node.requests.flatMap(pointers)).toEqual([]);
        expect([arena.blocks, held, node.isOpen]).toEqual([0, 0, false]);
      }),
      { numRuns: 300 },
    );
  });
});
