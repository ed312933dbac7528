// SPDX-License-Identifier: Apache-2.0
import {
  everyFrame,
  FRAMES_WAITING,
  type Fraction,
  type FrameConsumer,
  type FrameSource,
  NO_CONTROLS,
  type PictureLayout,
  pictureLayout,
  SharedSource,
  SourceError,
  type SourceModes,
  V4L2_PIX_FMT_NV12,
  V4L2_PIX_FMT_RGB24,
} from '@paravideo/core';
import { ManualClock, ToyConsumer } from '@paravideo/core/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import { mappingsOf } from '../sys/index.ts';
import type { FrameMoment, FramePool } from './frame-pool.ts';
import { type FrameRenderer, PacedCapture, type PictureRendition } from './paced-capture.ts';

const NV12 = pictureLayout(V4L2_PIX_FMT_NV12, 64, 48) as PictureLayout;
const RGB = pictureLayout(V4L2_PIX_FMT_RGB24, 64, 48) as PictureLayout;
const AT_100 = { numerator: 1, denominator: 100 };
const AT_50 = { numerator: 2, denominator: 100 };

/** Lets promises settle that need nothing but microtasks. */
const settle = async (): Promise<void> => {
  for (let i = 0; i < 20; i++) await Promise.resolve();
};

class Renderer implements FrameRenderer {
  readonly renders: { fourcc: number; moment: FrameMoment; done: (made: boolean) => void }[] = [];
  open_ = 0;
  closed = 0;
  ended = false;
  /** answers at once */
  prompt = true;

  open(pool: FramePool): PictureRendition {
    this.open_++;
    return {
      render: (_slot, moment) => {
        const { promise, resolve } = Promise.withResolvers<boolean>();
        this.renders.push({ fourcc: pool.layout.fourcc, moment, done: resolve });
        if (this.prompt) resolve(true);
        return promise;
      },
      close: () => void this.closed++,
    };
  }

  close(): void {
    this.ended = true;
  }
}

describe('a paced capture', () => {
  let clock: ManualClock;
  let renderer: Renderer;
  let capture: PacedCapture;
  let source: SharedSource;
  let maps: number;

  const made = (o: { trials: number; inFlight?: number; slots?: number }): PacedCapture =>
    new PacedCapture({
      modes: {} as SourceModes,
      controls: NO_CONTROLS,
      clock,
      renderer,
      name: 'paced-test',
      ...o,
    });

  beforeEach(() => {
    maps = mappingsOf('paced-test');
    clock = new ManualClock(1_000_000);
    renderer = new Renderer();
    capture = made({ slots: 2, trials: 0 });
    source = new SharedSource(capture);
  });

  /** A stream of 100 frames a second, unless told otherwise. */
  const start = (
    consumer: FrameConsumer,
    layout: PictureLayout,
    interval: Fraction = AT_100,
    from: FrameSource = source,
  ): Disposable => from.start({ layout, interval }, consumer);

  /** Time for so many frames at 100 a second: just short of 10 ms each, so that every round sees one tick. */
  const run = async (frames: number): Promise<void> => {
    for (let i = 0; i < frames; i++) {
      clock.advance(9_999);
      await settle();
    }
  };

  it('renders once for all streams of a layout, and counts layouts of one interval alike', async () => {
    const consumers = [new ToyConsumer(), new ToyConsumer(), new ToyConsumer()];
    for (const [i, consumer] of consumers.entries()) {
      start(consumer, i === 2 ? RGB : { ...NV12 }, i === 1 ? { numerator: 10, denominator: 1000 } : AT_100);
    }
    await run(3);
    expect(renderer.renders.map(({ fourcc, moment }) => [fourcc, moment.sequence])).toEqual(
      [0, 1, 2].flatMap((n) => [
        [V4L2_PIX_FMT_NV12, n],
        [V4L2_PIX_FMT_RGB24, n],
      ]),
    );
    const [a, b, c] = consumers;
    expect(a?.frames).toEqual(b?.frames);
    expect(a?.frames[2]).toBe(b?.frames[2]);
    expect(c?.frames.map(({ sequence, timestamp }) => [sequence, timestamp])).toEqual([
      [0, 1_000_000],
      [1, 1_010_000],
      [2, 1_020_000],
    ]);
    expect(mappingsOf('paced-test')).toBe(maps + 2);
    await source[Symbol.asyncDispose]();
    expect([renderer.open_, renderer.closed, renderer.ended]).toEqual([2, 2, true]);
    expect(mappingsOf('paced-test')).toBe(maps);
    expect(clock.pending).toBe(0);
  });

  it('paces streams of different intervals apart', async () => {
    const [fast, slow] = [new ToyConsumer(), new ToyConsumer()];
    for (const [consumer, interval] of [
      [fast, AT_100],
      [slow, AT_50],
    ] as const) {
      start(consumer, NV12, interval);
    }
    await run(10);
    expect(fast.sequences).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(slow.sequences).toEqual([0, 1, 2, 3, 4]);
    expect(slow.frames.map(({ timestamp }) => timestamp)).toEqual([1e6, 1.02e6, 1.04e6, 1.06e6, 1.08e6]);
    await source[Symbol.asyncDispose]();
  });

  it('skips the work, and counts on, while nobody wants a frame', async () => {
    const consumer = new ToyConsumer();
    start(consumer, NV12);
    await run(2);
    consumer.wants = false;
    await run(3);
    consumer.wants = true;
    await run(1);
    expect(consumer.sequences).toEqual([0, 1, 5]);
    expect(renderer.renders).toHaveLength(3);
    await source[Symbol.asyncDispose]();
  });

  it('loses the frame, with a gap in the sequence, when the one before is not ready or no slot is free', async () => {
    renderer.prompt = false;
    const consumer = new ToyConsumer();
    start(consumer, NV12);
    await run(3);
    expect(renderer.renders).toHaveLength(1);
    renderer.renders[0]?.done(true);
    await settle();
    await run(1);
    renderer.renders[1]?.done(false);
    await settle();
    renderer.prompt = true;
    consumer.keep = true;
    await run(4);
    expect(consumer.sequences).toEqual([0, 4, 5]);
    consumer.frames[1]?.release();
    await run(1);
    expect(consumer.sequences).toEqual([0, 4, 5, 8]);
    expect(capture.stats).toEqual({ delivered: 4, late: 2, noSlot: 2, failed: 1 });
    for (const frame of consumer.frames.slice(2)) frame.release();
    await source[Symbol.asyncDispose]();
    expect(mappingsOf('paced-test')).toBe(maps);
  });

  it('has as many pictures in the making as it was told, delivers them in order, and closes after the last', async () => {
    const patient = made({ inFlight: 2, trials: 0 });
    await using shared = new SharedSource(patient);
    renderer.prompt = false;
    const consumer = new ToyConsumer();
    const stream = start(consumer, NV12, AT_100, shared);
    await run(3);
    expect(renderer.renders).toHaveLength(2);
    renderer.renders[0]?.done(true);
    renderer.renders[1]?.done(true);
    await settle();
    expect(consumer.sequences).toEqual([0, 1]);
    await run(2);
    stream[Symbol.dispose]();
    renderer.renders[2]?.done(true);
    await settle();
    expect(renderer.closed).toBe(0);
    renderer.renders[3]?.done(true);
    await settle();
    expect(renderer.closed).toBe(1);
    expect(consumer.sequences).toEqual([0, 1]);
    expect(patient.stats.late).toBe(1);
  });

  it('starts the clock of a cadence when pictures come at their pace, and shows none of those before', async () => {
    const slow = made({ trials: 2 });
    const shared = new SharedSource(slow);
    renderer.prompt = false;
    const [first, second] = [new ToyConsumer(), new ToyConsumer()];
    start(first, NV12, AT_100, shared);
    await run(3);
    expect(renderer.renders.map(({ moment }) => moment.trial)).toEqual([true]);
    start(second, RGB, AT_100, shared);
    await settle();
    const trial = async (fourcc: number, millis: number): Promise<void> => {
      clock.advance(millis * 1000);
      renderer.renders.findLast((render) => render.fourcc === fourcc)?.done(true);
      await settle();
    };
    // The third is made because the second still took more than half an interval.
    await trial(V4L2_PIX_FMT_NV12, 50);
    await trial(V4L2_PIX_FMT_NV12, 6);
    expect([first.frames, clock.pending]).toEqual([[], 0]);
    await trial(V4L2_PIX_FMT_NV12, 5);
    const began = clock.now();
    renderer.prompt = true;
    await run(2);
    expect(first.frames.map(({ sequence, timestamp }) => [sequence, timestamp])).toEqual([
      [0, began],
      [1, began + 10_000],
    ]);
    expect(second.frames).toEqual([]);
    await trial(V4L2_PIX_FMT_RGB24, 0);
    await run(2);
    expect(second.sequences).toEqual([2, 3]);
    expect(slow.stats).toEqual({ delivered: 6, late: 0, noSlot: 0, failed: 0 });
    await shared[Symbol.asyncDispose]();
    expect(mappingsOf('paced-test')).toBe(maps);
  });

  it('ends its warm-up after a while, and at a picture that cannot be made', async () => {
    await using slow = new SharedSource(made({ trials: 2 }));
    renderer.prompt = false;
    const [consumer, other] = [new ToyConsumer(), new ToyConsumer()];
    start(consumer, NV12, AT_100, slow);
    await settle();
    clock.advance(400_000);
    renderer.renders[0]?.done(true);
    await settle();
    expect(renderer.renders).toHaveLength(1);
    renderer.prompt = true;
    await run(1);
    expect(consumer.sequences).toEqual([0]);
    renderer.prompt = false;
    start(other, RGB, AT_100, slow);
    await settle();
    renderer.renders.at(-1)?.done(false);
    await settle();
    renderer.prompt = true;
    await run(1);
    expect(other.frames).toHaveLength(1);
  });

  it('may lose its streams, and be closed, while it warms up', async () => {
    const slow = new SharedSource(made({ trials: 3 }));
    renderer.prompt = false;
    const [consumer, lost] = [new ToyConsumer(), new ToyConsumer()];
    const stream = start(consumer, NV12, AT_100, slow);
    start(lost, RGB, AT_100, slow);
    await settle();
    stream[Symbol.dispose]();
    const closed = slow[Symbol.asyncDispose]();
    expect([renderer.closed, lost.reasons]).toEqual([0, ['the source was closed']]);
    for (const render of renderer.renders) render.done(true);
    await closed;
    expect([renderer.renders.length, renderer.closed, clock.pending]).toEqual([2, 2, 0]);
    expect(mappingsOf('paced-test')).toBe(maps);
  });

  it('calls no stream after stop, not even with a picture in the making, and keeps retained frames', async () => {
    const consumer = new ToyConsumer();
    consumer.keep = true;
    const stream = start(consumer, NV12);
    await run(1);
    renderer.prompt = false;
    await run(1);
    stream[Symbol.dispose]();
    expect(renderer.closed).toBe(0);
    renderer.renders[1]?.done(true);
    await settle();
    expect(renderer.closed).toBe(1);
    expect(consumer.frames).toHaveLength(1);
    expect(mappingsOf('paced-test')).toBe(maps + 1);
    consumer.frames[0]?.release();
    expect(mappingsOf('paced-test')).toBe(maps);
    // Another starts, with a cadence of its own.
    renderer.prompt = true;
    consumer.keep = false;
    const other = start(consumer, RGB, AT_50);
    await run(3);
    expect(consumer.sequences).toEqual([0, 0, 1]);
    other[Symbol.dispose]();
    await run(4);
    expect(consumer.frames).toHaveLength(3);
    expect(clock.pending).toBe(0);
    await source[Symbol.asyncDispose]();
  });

  it('lets a consumer stop its stream inside a frame call', async () => {
    const other = new ToyConsumer();
    const consumer: FrameConsumer = { wantsFrame: () => true, lost: () => {}, frame: () => stream[Symbol.dispose]() };
    const stream = start(consumer, NV12);
    const second = start(other, NV12);
    await run(2);
    expect(other.sequences).toEqual([0, 1]);
    second[Symbol.dispose]();
    await settle();
    expect(mappingsOf('paced-test')).toBe(maps);
    await source[Symbol.asyncDispose]();
  });

  it('misses no frame for one stream while another, which gets every frame, takes none', async () => {
    const spacious = new SharedSource(made({ slots: FRAMES_WAITING + 1, trials: 0 }));
    const [slow, quick] = [new ToyConsumer(), new ToyConsumer()];
    slow.wants = false;
    start(slow, NV12, AT_100, everyFrame(spacious));
    start(quick, NV12, AT_100, spacious);
    await run(FRAMES_WAITING + 4);
    expect(quick.sequences).toEqual(Array.from({ length: FRAMES_WAITING + 4 }, (_, i) => i));
    await spacious[Symbol.asyncDispose]();
    expect(mappingsOf('paced-test')).toBe(maps);
  });

  it('tells every stream when it is closed, also those that come later', async () => {
    const [running, late] = [new ToyConsumer(), new ToyConsumer()];
    const stream = start(running, NV12);
    await run(1);
    const closed = source[Symbol.asyncDispose]();
    start(late, NV12);
    await closed;
    await run(2);
    expect([running.reasons, late.reasons]).toEqual([['the source was closed'], ['the source was closed']]);
    expect([running.frames.length, late.frames.length]).toEqual([1, 0]);
    stream[Symbol.dispose]();
    expect(mappingsOf('paced-test')).toBe(maps);
  });

  it('tells a stream whose pictures the renderer cannot make', async () => {
    renderer.open = () => {
      throw new SourceError('an odd width');
    };
    const consumer = new ToyConsumer();
    start(consumer, NV12);
    await settle();
    expect(consumer.reasons).toEqual(['no such frames can be had: an odd width']);
    expect(mappingsOf('paced-test')).toBe(maps);
    await source[Symbol.asyncDispose]();
  });
});
