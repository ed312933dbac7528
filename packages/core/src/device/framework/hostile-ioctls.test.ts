// SPDX-License-Identifier: Apache-2.0
/** A guest that sends anything: a device answers every ioctl with a number that is an errno, and leaks nothing. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HeapAccess, HeapArena, RegionMemory } from '../../memory/index.ts';
import { ManualClock, SolidSource } from '../../testing/index.ts';
import { Errno, IOCTLS, V4L2_CID_BRIGHTNESS, v4l2_ext_control, v4l2_plane } from '../../wire/index.ts';
import { CaptureDevice } from '../capture/capture-device.ts';
import type { IoctlCall, MediaSession } from './media-device.ts';
import { SeenEvents } from './test-call.ts';

const ERRNOS: ReadonlySet<number> = new Set([0, ...Object.values(Errno)]);
/** Small numbers that mean something to V4L2, and numbers at the edges. */
const word = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 0, max: 12 }) },
  { weight: 1, arbitrary: fc.constantFrom(V4L2_CID_BRIGHTNESS, 0x3231_564e, 0x8000_0000, 0xc000_0000, 0x0098_0001, 0xffff_ffff) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 0xffff_ffff }) },
);
const step = fc.record({
  session: fc.integer({ min: 0, max: 2 }),
  nr: fc.constantFrom(...IOCTLS.map((info) => info.nr)),
  words: fc.array(word, { minLength: 8, maxLength: 30 }),
  planes: fc.integer({ min: 0, max: 8 }),
  lists: fc.array(fc.array(fc.record({ address: fc.integer({ min: 0, max: 8192 }), length: word }), { maxLength: 3 }), {
    maxLength: 8,
  }),
  tick: fc.boolean(),
});

function payload(size: number, words: readonly number[]): DataView {
  const view = new DataView(new ArrayBuffer(size));
  for (let at = 0; at + 4 <= Math.min(size, 4 * words.length); at += 4) view.setUint32(at, words[at / 4] ?? 0, true);
  return view;
}

describe('a camera under a hostile guest', () => {
  it.each(['single', 'multi'] as const)('P19: survives any sequence of ioctls (%s-planar)', async (planar) => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 60 }), async (steps) => {
        const memory = new RegionMemory();
        memory.addRegion({ address: 0, bytes: new Uint8Array(4096) });
        const arena = new HeapArena(1 << 20);
        const source = new SolidSource();
        const access = new HeapAccess(arena, memory);
        const device = new CaptureDevice({ source, buffers: arena, access, clock: new ManualClock(), planar });
        const sessions: MediaSession[] = [];
        for (let i = 0; i < 3; i++) {
          const session = device.open(new SeenEvents());
          if (typeof session !== 'number') sessions.push(session);
        }
        for (const { session, nr, words, planes, lists, tick } of steps) {
          const size = IOCTLS.find((info) => info.nr === nr)?.size ?? 0;
          const call: IoctlCall = {
            nr,
            payload: payload(size, words),
            planes: payload(planes * v4l2_plane.size, words),
            controls: payload(Math.min(words[1] ?? 0, 64) * v4l2_ext_control.size, words.slice(2)),
            lists,
            memory: { read: () => undefined, write: () => false },
            payloadOnError: false,
          };
          const errno = await sessions[session]?.ioctl(call);
          expect(ERRNOS.has(errno ?? -1)).toBe(true);
          if (tick) source.tick();
        }
        await device[Symbol.asyncDispose]();
        expect([arena.blocks, source.running]).toEqual([0, 0]);
      }),
      { numRuns: 300 },
    );
  });
});
