// SPDX-License-Identifier: Apache-2.0
import { ManualClock, type PictureLayout, pictureLayout, V4L2_PIX_FMT_NV12 } from '@paravideo/core';
import { describe, expect, it } from 'vitest';
import { mappingsOf } from '../../sys/index.ts';
import { FramePool } from '../frame-pool.ts';
import { SourceError } from '../source-error.ts';
import { PatternThread } from './pattern-thread.ts';

const LAYOUT = pictureLayout(V4L2_PIX_FMT_NV12, 96, 64) as PictureLayout;
const settings = { pattern: 0, brightness: 128, contrast: 128, saturation: 128, hue: 0, hflip: false, vflip: false };

function start(worker?: string): { thread: PatternThread; lost: string[] } {
  const lost: string[] = [];
  const thread = new PatternThread({
    matrix: 'rec709',
    clock: new ManualClock(),
    timeOfDay: () => 0,
    settings: () => settings,
    lost: (reason) => lost.push(reason),
    ...(worker === undefined ? {} : { worker }),
  });
  return { thread, lost };
}

describe('the pattern thread', () => {
  it('is replaced when it dies: that picture is lost, the pools are known to the next one', async () => {
    const { thread, lost } = start('./testing/mortal-worker');
    const maps = mappingsOf('pattern-thread-test');
    const pools = [0, 1].map(() => FramePool.create('pattern-thread-test', LAYOUT, 2));
    const renditions = pools.map((pool) => thread.open(pool));
    const made: boolean[] = [];
    for (let sequence = 1; sequence <= 9; sequence++) {
      const slots = pools.map((pool) => pool.take());
      const [first] = await Promise.all(
        renditions.map((rendition, i) => {
          const slot = slots[i];
          return slot === undefined ? undefined : rendition.render(slot, { sequence, timestamp: 1_000_000 });
        }),
      );
      made.push(first ?? false);
      for (const slot of slots) slot?.abandon();
    }
    expect(made).toEqual([true, true, false, true, true, false, true, true, false]);
    expect(lost).toEqual([]);
    await Promise.all(renditions.map((rendition) => rendition.close()));
    for (const pool of pools) pool.close();
    expect(mappingsOf('pattern-thread-test')).toBe(maps);
    await thread.close();
  });

  it('is given up when it keeps dying, and still lets go of everything', async () => {
    const { thread, lost } = start('./testing/mortal-worker');
    const maps = mappingsOf('pattern-thread-test');
    const pool = FramePool.create('pattern-thread-test', LAYOUT, 1);
    const rendition = thread.open(pool);
    for (let i = 0; i < 7; i++) {
      const slot = pool.take();
      if (slot === undefined) return expect.unreachable('the slot came back');
      expect(await rendition.render(slot, { sequence: 0, timestamp: 1_000_000 })).toBe(false);
      slot.abandon();
    }
    expect(lost).toHaveLength(1);
    expect(lost[0]).toContain('made to die');
    await rendition.close();
    pool.close();
    await thread.close();
    expect(mappingsOf('pattern-thread-test')).toBe(maps);
  });

  it('refuses a layout that it cannot render before any thread sees it', async () => {
    const { thread } = start();
    const odd = FramePool.create('pattern-thread-test', pictureLayout(V4L2_PIX_FMT_NV12, 97, 64) as PictureLayout, 1);
    expect(() => thread.open(odd)).toThrow(SourceError);
    odd.close();
    await thread.close();
  });
});
