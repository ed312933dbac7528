// SPDX-License-Identifier: Apache-2.0
/** What a guest gets that is slower than its camera, through the whole protocol. */
import { afterEach, describe, expect, it } from 'vitest';
import type { FrameSource } from '../../ports/index.ts';
import { everyFrame, SharedSource } from '../../source/index.ts';
import { SolidSource, TestCameras, ToyCapture, toyModes } from '../../testing/index.ts';
import { V4L2_BUF_TYPE_VIDEO_CAPTURE as CAPTURE, V4L2_PIX_FMT_GREY } from '../../wire/index.ts';

const cameras = new TestCameras();
const { guest } = cameras;
afterEach(async () => expect(await cameras.close()).toEqual([]));

/** Numbers of the frames that a guest gets of a camera in one buffer, while more come than it takes. */
async function slowGuest(source: SolidSource, as: FrameSource, meanwhile: number): Promise<number[]> {
  const { driver } = await guest(as);
  const session = await driver.open();
  await session.reqbufs(CAPTURE, 1);
  await session.qbuf({ index: 0, type: CAPTURE });
  await session.streamon(CAPTURE);
  source.tick();
  const numbers = [(await session.dqbuf(CAPTURE)).sequence];
  for (let i = 0; i < meanwhile; i++) source.tick();
  for (let i = 0; i < 3; i++) {
    await session.qbuf({ index: 0, type: CAPTURE });
    source.tick();
    numbers.push((await session.dqbuf(CAPTURE)).sequence);
  }
  return numbers;
}

describe('the frames of a camera', () => {
  it('are the next that come when a guest has a buffer, and none of those before', async () => {
    const source = new SolidSource();
    expect(await slowGuest(source, source, 3)).toEqual([0, 4, 5, 6]);
  });

  it('wait for a guest that gets every one, and come with QBUF', async () => {
    const source = new SolidSource();
    expect(await slowGuest(source, everyFrame(source), 2)).toEqual([0, 1, 2, 3]);
  });

  it('are lost from the oldest on where more would wait, which the sequence says', async () => {
    const source = new SolidSource();
    expect(await slowGuest(source, everyFrame(source), 7)).toEqual([0, 4, 5, 6]);
  });

  it('come to every guest that takes them, in time and without a gap, however many others take none', async () => {
    const toy = new ToyCapture(toyModes([V4L2_PIX_FMT_GREY], [64, 48]));
    const shared = new SharedSource(toy);
    // One streams and has never given a buffer back, one does not wait for frames either, and of one the copies do not end.
    const copy = Promise.withResolvers<boolean>();
    const stuck = [guest(shared), guest(everyFrame(shared)), guest(shared, {}, () => copy.promise)];
    for (const { driver } of await Promise.all(stuck)) {
      const session = await driver.open();
      await session.reqbufs(CAPTURE, 2);
      for (const index of [0, 1]) await session.qbuf({ index, type: CAPTURE });
      await session.streamon(CAPTURE);
    }
    const session = await (await guest(shared)).driver.open();
    await session.reqbufs(CAPTURE, 2);
    for (const index of [0, 1]) await session.qbuf({ index, type: CAPTURE });
    await session.streamon(CAPTURE);
    const seen: number[] = [];
    for (let i = 0; i < 40; i++) {
      expect(toy.push(new Uint8Array(64 * 48).fill(i))).toBe(true);
      const { index, sequence } = await session.dqbuf(CAPTURE);
      seen.push(sequence);
      await session.qbuf({ index, type: CAPTURE });
      // Four wait for whoever gets every frame, and two are being copied.
      expect(toy.out).toBeLessThanOrEqual(6);
    }
    expect(seen).toEqual(Array.from({ length: 40 }, (_, i) => i));
    copy.resolve(false);
  });
});
