// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { type PictureLayout, pictureLayout } from '../picture/index.ts';
import type { FrameConsumer, FrameStream, WantedFrames } from '../ports/index.ts';
import { ToyCapture, ToyConsumer } from '../testing/index.ts';
import { V4L2_PIX_FMT_GREY } from '../wire/index.ts';
import { everyFrame, FRAMES_WAITING } from './every-frame.ts';
import { SharedSource } from './shared-source.ts';

const GREY: WantedFrames = {
  layout: pictureLayout(V4L2_PIX_FMT_GREY, 64, 48) as PictureLayout,
  interval: { numerator: 1, denominator: 30 },
};
const numbers = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i);

function camera() {
  const toy = new ToyCapture();
  const source = new SharedSource(toy);
  const push = (frames: number): void => {
    for (let i = 0; i < frames; i++) toy.push(new Uint8Array(4));
  };
  return { toy, source, push };
}

describe('a stream that gets every frame', () => {
  it('has those that came while its consumer wanted none, in order, as soon as it says that it is ready', () => {
    const { toy, source, push } = camera();
    const consumer = new ToyConsumer();
    const stream = everyFrame(source).start(GREY, consumer);
    push(1);
    consumer.wants = false;
    push(FRAMES_WAITING);
    stream.ready?.();
    expect([consumer.sequences, toy.out]).toEqual([[0], FRAMES_WAITING]);
    consumer.wants = true;
    stream.ready?.();
    push(1);
    expect([consumer.sequences, toy.out]).toEqual([numbers(0, FRAMES_WAITING + 1), 0]);
  });

  it('gets them before the next frame where its consumer says nothing', () => {
    const { toy, source, push } = camera();
    const consumer = new ToyConsumer();
    consumer.wants = false;
    everyFrame(source).start(GREY, consumer);
    push(2);
    consumer.wants = true;
    push(1);
    expect([consumer.sequences, toy.out]).toEqual([[0, 1, 2], 0]);
  });

  it('loses the oldest where more would wait, and sees it in the sequence', () => {
    const { source, push } = camera();
    const consumer = new ToyConsumer();
    const stream = everyFrame(source).start(GREY, consumer);
    push(1);
    consumer.wants = false;
    push(FRAMES_WAITING + 3);
    consumer.wants = true;
    stream.ready?.();
    expect(consumer.sequences).toEqual([0, ...numbers(4, FRAMES_WAITING + 3)]);
  });

  it('keeps, with all others of its layout, the last frames alone, whenever each of them stopped', () => {
    const { toy, source, push } = camera();
    const every = everyFrame(source);
    const slow = Array.from({ length: 3 }, () => new ToyConsumer());
    const quick = new ToyConsumer();
    source.start(GREY, quick);
    for (const consumer of slow) {
      every.start(GREY, consumer);
      consumer.wants = false;
      push(3);
    }
    expect(toy.out).toBe(FRAMES_WAITING);
    expect(quick.sequences).toEqual(numbers(0, 8));
  });

  it('gives back what waits when it ends, when it is lost, and when its consumer ends it while it is given frames', () => {
    const { toy, source, push } = camera();
    const every = everyFrame(source);
    const [ending, losing] = [new ToyConsumer(), new ToyConsumer()];
    for (const consumer of [ending, losing]) consumer.wants = false;
    const stream = every.start(GREY, ending);
    push(2);
    expect(toy.out).toBe(2);
    stream[Symbol.dispose]();
    expect(toy.out).toBe(0);
    every.start(GREY, losing);
    push(2);
    toy.vanish('unplugged');
    expect([toy.out, losing.frames, losing.reasons]).toEqual([0, [], ['unplugged']]);
    toy.appear();
    let given = 0;
    let wants = false;
    const once: FrameConsumer = {
      wantsFrame: () => wants,
      frame: () => {
        given += 1;
        own[Symbol.dispose]();
      },
      lost: () => {},
    };
    const own: FrameStream = every.start(GREY, once);
    push(3);
    wants = true;
    own.ready?.();
    expect([given, toy.out]).toEqual([1, 0]);
  });
});
