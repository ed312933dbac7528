// SPDX-License-Identifier: Apache-2.0
import { type PictureLayout, pictureLayout, SourceError, V4L2_PIX_FMT_NV12M } from '@paravideo/core';
import { describe, expect, it } from 'vitest';
import { copyMemory, mappingsOf, openDescriptors } from '../sys/index.ts';
import { FramePool } from './frame-pool.ts';

const LAYOUT = pictureLayout(V4L2_PIX_FMT_NV12M, 320, 240) as PictureLayout;
const MOMENT = { sequence: 7, timestamp: 123_456 };
const NAME = 'frame-pool-test';

describe('a frame pool', () => {
  it('gives each slot planes of its own, page-aligned, inside its memory', () => {
    const pool = FramePool.create(NAME, LAYOUT, 3);
    const slots = [pool.take(), pool.take(), pool.take()];
    const ranges = slots.flatMap((slot) => slot?.planes ?? []).toSorted((a, b) => a.address - b.address);
    expect(ranges).toHaveLength(6);
    let end = pool.address;
    for (const { address, length } of ranges) {
      expect(address % 4096).toBe(0);
      expect(address).toBeGreaterThanOrEqual(end);
      end = address + length;
    }
    expect(end).toBeLessThanOrEqual(pool.address + pool.length);
    expect(slots[1]?.planes.map(({ length }) => length)).toEqual([320 * 240, 320 * 120]);
    expect((slots[1]?.planes[1]?.address ?? 0) - pool.address).toBe((slots[1]?.offset ?? 0) + (pool.planes[1]?.offset ?? 0));
    for (const slot of slots) slot?.abandon();
    pool.close();
  });

  it('is bounded: no slot is given while all are out, and the lowest that came back is the next', () => {
    const pool = FramePool.create(NAME, LAYOUT, 2);
    const first = pool.take();
    const frame = pool.take()?.publish(MOMENT, 1);
    expect(pool.take()).toBeUndefined();
    first?.abandon();
    const again = pool.take();
    expect(again?.index).toBe(0);
    frame?.release();
    expect(pool.out).toBe(1);
    again?.abandon();
    pool.close();
  });

  it('keeps a frame readable after the end, and unmaps when it is released or with the last pin', () => {
    const [maps, descriptors] = [mappingsOf(NAME), openDescriptors()];
    const pool = FramePool.create(NAME, LAYOUT, 2);
    const slot = pool.take();
    const from = pool.take();
    const address = slot?.planes[0]?.address ?? 0;
    copyMemory(address, from?.planes[0]?.address ?? 0, 4096);
    from?.abandon();
    const frame = slot?.publish(MOMENT, 1);
    const pin = pool.pin();
    pool.close();
    expect(pool.state).toBe('closing');
    expect(pool.take()).toBeUndefined();
    expect(frame).toMatchObject({
      sequence: 7,
      timestamp: 123_456,
      field: 1,
      planes: [{ kind: 'address', address, length: 76_800 }, {}],
    });
    copyMemory(address, address + 8192, 4096);
    frame?.release();
    expect(pool.state).toBe('closed');
    expect(mappingsOf(NAME)).toBe(maps + 1);
    pin[Symbol.dispose]();
    expect([mappingsOf(NAME), openDescriptors()]).toEqual([maps, descriptors]);
  });

  it('tells whoever lets go of a slot twice', () => {
    const pool = FramePool.create(NAME, LAYOUT, 1);
    const slot = pool.take();
    const frame = slot?.publish(MOMENT, 1);
    expect(() => slot?.abandon()).toThrow(SourceError);
    frame?.release();
    expect(() => frame?.release()).toThrow(SourceError);
    pool.close();
    expect(() => FramePool.create(NAME, LAYOUT, 0)).toThrow(SourceError);
    expect(() => FramePool.create(NAME, { ...LAYOUT, sizes: [] }, 1)).toThrow(SourceError);
  });
});
