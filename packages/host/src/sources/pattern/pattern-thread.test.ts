// SPDX-License-Identifier: Apache-2.0
import { type PictureLayout, pictureLayout, SourceError, V4L2_PIX_FMT_NV12 } from '@paravideo/core';
import { ManualClock } from '@paravideo/core/testing';
import { describe, expect, it } from 'vitest';
import { Backoff } from '../../isolation/child/index.ts';
import { mappingsOf } from '../../sys/index.ts';
import { FramePool } from '../frame-pool.ts';
import { PatternThread } from './pattern-thread.ts';

const LAYOUT = pictureLayout(V4L2_PIX_FMT_NV12, 96, 64) as PictureLayout;
const settings = { pattern: 0, brightness: 128, contrast: 128, saturation: 128, hue: 0, hflip: false, vflip: false };

function start(worker?: string): { thread: PatternThread; told: string[] } {
  const told: string[] = [];
  const write = (_fields: object, text: string): void => void told.push(text);
  const thread = new PatternThread({
    matrix: 'rec709',
    clock: new ManualClock(),
    timeOfDay: () => 0,
    log: { debug: write, info: write, warn: write, error: write },
    backoff: new Backoff({ first: 1, longest: 1 }),
    ...(worker === undefined ? {} : { worker }),
  });
  return { thread, told };
}

describe('the pattern thread', () => {
  it('comes back whenever it dies: pictures until then are lost, the next thread knows the pools, and the log tells', async () => {
    const { thread, told } = start('./testing/mortal-worker');
    const maps = mappingsOf('pattern-thread-test');
    const pools = [0, 1].map(() => FramePool.create('pattern-thread-test', LAYOUT, 2));
    const renditions = pools.map((pool) => thread.open(pool, () => settings, { kind: 'scene' }));
    const picture = async (sequence: number): Promise<boolean[]> => {
      const slots = pools.map((pool) => pool.take());
      const made = await Promise.all(
        renditions.map((rendition, i) => {
          const slot = slots[i];
          return slot === undefined ? expect.unreachable('the slot came back') : rendition.render(slot, moment(sequence));
        }),
      );
      for (const slot of slots) slot?.abandon();
      return made;
    };
    const moment = (sequence: number) => ({ sequence, timestamp: 1_000_000 });
    for (let death = 1; death <= 9; death++) {
      expect(await picture(0)).toEqual([false, false]);
      await expect.poll(() => picture(1), { interval: 5 }).toEqual([true, true]);
      expect(told).toEqual(Array.from({ length: death }, () => ['a worker thread died', 'a worker thread works again']).flat());
    }
    await Promise.all(renditions.map((rendition) => rendition.close()));
    for (const pool of pools) pool.close();
    expect(mappingsOf('pattern-thread-test')).toBe(maps);
    await thread.close();
  });

  it('lets go of everything when it is dead, and can be closed before the next one comes', async () => {
    const { thread } = start('./testing/no-such-worker');
    const pool = FramePool.create('pattern-thread-test', LAYOUT, 1);
    const maps = mappingsOf('pattern-thread-test');
    const rendition = thread.open(pool, () => settings, { kind: 'scene' });
    const slot = pool.take() ?? expect.unreachable('there is a slot');
    expect(await rendition.render(slot, { sequence: 1, timestamp: 1_000_000 })).toBe(false);
    slot.abandon();
    await rendition.close();
    pool.close();
    await thread.close();
    expect(mappingsOf('pattern-thread-test')).toBe(maps - 1);
  });

  it('refuses a layout that it cannot render before any thread sees it', async () => {
    const { thread } = start();
    const odd = FramePool.create('pattern-thread-test', pictureLayout(V4L2_PIX_FMT_NV12, 97, 64) as PictureLayout, 1);
    expect(() => thread.open(odd, () => settings, { kind: 'scene' })).toThrow(SourceError);
    odd.close();
    await thread.close();
  });
});
