// SPDX-License-Identifier: Apache-2.0
import {
  type Frame,
  type FrameConsumer,
  type PictureLayout,
  pictureLayout,
  SharedSource,
  V4L2_CID_HFLIP,
  V4L2_CID_TEST_PATTERN,
  V4L2_PIX_FMT_NV12M,
  V4L2_PIX_FMT_RGB24,
} from '@paravideo/core';
import { describe, expect, it } from 'vitest';
import { naivePicture } from '../../../test/naive-picture.ts';
import { detach, mappingsOf, openDescriptors, viewAt } from '../../sys/index.ts';
import { openPattern, patternSubject } from './pattern-source.ts';

const AT_120 = { numerator: 1, denominator: 120 };
const NOON = 12 * 3_600_000;
const PLAIN = { pattern: 0, brightness: 128, contrast: 128, saturation: 128, hue: 0, hflip: false, vflip: false };
const layoutOf = (fourcc: number): PictureLayout => pictureLayout(fourcc, 160, 120) as PictureLayout;

/** Keeps frames; `count(n)` resolves when n have come. */
class Consumer implements FrameConsumer {
  readonly frames: Frame[] = [];
  readonly #waiting: { count: number; resolve: () => void }[] = [];
  readonly most: number;

  constructor(most: number) {
    this.most = most;
  }
  wantsFrame(): boolean {
    return this.frames.length < this.most;
  }
  frame(frame: Frame): void {
    frame.retain();
    this.frames.push(frame);
    for (const { count, resolve } of this.#waiting) if (this.frames.length >= count) resolve();
  }
  lost(reason: string): void {
    expect(reason).toBe('the source was closed');
  }
  count(count: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    if (this.frames.length >= count) resolve();
    else this.#waiting.push({ count, resolve });
    return promise;
  }
}

function planesOf(frame: Frame | undefined): Buffer[] {
  return (frame?.planes ?? []).map((plane) => {
    if (plane.kind !== 'address') return expect.unreachable('frames of the pattern lie outside the heap');
    const view = viewAt(plane.address, plane.length);
    const copy = Buffer.from(view);
    detach(view);
    return copy;
  });
}

describe('the test pattern source', () => {
  it("delivers, from its thread, exactly the picture of the frame's number and timestamp, in each layout", async () => {
    const maps = mappingsOf('paravideo-pattern');
    // The clock on the wall stands still, so that a picture is known from number and timestamp; the thread's age of a
    // frame is taken off it, so it must be read back from the frame: noon minus at most a second.
    const source = new SharedSource(openPattern({ timeOfDay: () => NOON }));
    const consumers = [V4L2_PIX_FMT_NV12M, V4L2_PIX_FMT_RGB24].map((fourcc) => {
      const consumer = new Consumer(3);
      const layout = layoutOf(fourcc);
      source.start({ layout, interval: AT_120 }, consumer);
      return { consumer, layout };
    });
    for (const { consumer, layout } of consumers) {
      await consumer.count(3);
      const subject = patternSubject('Paravideo Test Pattern', layout, AT_120);
      for (const frame of consumer.frames) {
        const actual = planesOf(frame);
        const matches = (timeOfDay: number): boolean => {
          const moment = { sequence: frame.sequence, time: frame.timestamp, timeOfDay };
          return naivePicture(layout, 'rec601', moment, PLAIN, subject).every((plane, i) => actual[i]?.equals(plane));
        };
        expect(Array.from({ length: 50 }, (_, age) => NOON - age).some(matches)).toBe(true);
        frame.release();
      }
    }
    await source[Symbol.asyncDispose]();
    expect(mappingsOf('paravideo-pattern')).toBe(maps);
  });

  it('lets a control act on the next frame, for all streams, and tells who listens', async () => {
    const source = new SharedSource(openPattern({ timeOfDay: () => NOON, caption: false }));
    const heard: number[][] = [];
    using _listening = source.controls.onChange((id, value) => heard.push([id, value]));
    source.controls.set(V4L2_CID_TEST_PATTERN, 4);
    source.controls.set(V4L2_CID_HFLIP, 1);
    const consumer = new Consumer(1);
    const layout = layoutOf(V4L2_PIX_FMT_RGB24);
    source.start({ layout, interval: AT_120 }, consumer);
    await consumer.count(1);
    const [frame] = consumer.frames;
    const [actual] = planesOf(frame);
    const moment = { sequence: frame?.sequence ?? 0, time: frame?.timestamp ?? 0, timeOfDay: NOON };
    const [expected] = naivePicture(layout, 'rec709', moment, { ...PLAIN, pattern: 4, hflip: true });
    // Rows below the text, whose clock is not known to the millisecond.
    const below = 60 * 160 * 3;
    expect(actual?.subarray(below).equals(expected?.subarray(below) ?? new Uint8Array())).toBe(true);
    expect(heard).toEqual([
      [V4L2_CID_TEST_PATTERN, 4],
      [V4L2_CID_HFLIP, 1],
    ]);
    expect(source.controls.get(V4L2_CID_HFLIP)).toBe(1);
    frame?.release();
    await source[Symbol.asyncDispose]();
  });

  it('is what its options say: a pattern, a size and a rate at first, lines in the corner, and whether anything moves', async () => {
    const options = { kind: 'crosshatch', text: 'Door 3', moving: false, card: 'Café' } as const;
    const size = { width: 640, height: 480 };
    const interval = { numerator: 1001, denominator: 30_000 };
    const source = new SharedSource(openPattern({ ...options, size, interval }));
    const { card, defaultSize, defaultInterval } = source.capabilities;
    expect([card, defaultSize, defaultInterval, source.controls.get(V4L2_CID_TEST_PATTERN)]).toEqual(['Café', size, interval, 4]);
    const consumer = new Consumer(2);
    const layout = layoutOf(V4L2_PIX_FMT_RGB24);
    source.start({ layout, interval }, consumer);
    await consumer.count(2);
    const caption = ['Cafe', '160x120 RGB3 29.97 fps', 'Door 3'];
    const moment = { sequence: 0, time: 0, timeOfDay: 0 };
    const settings = { ...PLAIN, pattern: 4 };
    const [expected = new Uint8Array()] = naivePicture(layout, 'rec601', moment, settings, {
      kind: 'scene',
      still: true,
      caption,
    });
    for (const frame of consumer.frames) {
      expect(planesOf(frame)[0]?.equals(expected)).toBe(true);
      frame.release();
    }
    await source[Symbol.asyncDispose]();
  });

  it('declares ranges that it keeps to: every format at the smallest and the largest size', async () => {
    const source = new SharedSource(openPattern({ card: 'A Camera', slots: 1 }));
    const { capabilities } = source;
    expect(capabilities.card).toBe('A Camera');
    expect(capabilities.formats).toHaveLength(13);
    for (const fourcc of capabilities.formats) {
      const sizes = capabilities.sizes(fourcc);
      if (sizes.kind !== 'stepwise') return expect.unreachable('sizes are a range');
      const { minWidth, minHeight, maxWidth, maxHeight } = sizes.range;
      for (const [width, height] of [
        [minWidth, minHeight],
        [maxWidth, maxHeight],
      ] as const) {
        const consumer = new Consumer(1);
        const stream = source.start(
          { layout: pictureLayout(fourcc, width, height) as PictureLayout, interval: AT_120 },
          consumer,
        );
        await consumer.count(1);
        consumer.frames[0]?.release();
        stream[Symbol.dispose]();
      }
    }
    await source[Symbol.asyncDispose]();
  });

  it('leaves nothing behind: threads, mappings, descriptors', async () => {
    const [maps, descriptors] = [mappingsOf('paravideo-pattern'), openDescriptors()];
    for (let i = 0; i < 5; i++) {
      await using source = new SharedSource(openPattern());
      const consumer = new Consumer(1);
      source.start({ layout: layoutOf(V4L2_PIX_FMT_NV12M), interval: AT_120 }, consumer);
      if (i % 2 === 0) {
        await consumer.count(1);
        consumer.frames[0]?.release();
      }
    }
    expect([mappingsOf('paravideo-pattern'), openDescriptors()]).toEqual([maps, descriptors]);
  });
});
