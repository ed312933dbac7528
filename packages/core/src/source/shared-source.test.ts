// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { type PictureLayout, pictureLayout } from '../picture/index.ts';
import { type Capture, type FrameConsumer, NoMemoryError, SourceBusyError, type WantedFrames } from '../ports/index.ts';
import { ToyCapture, ToyConsumer, toyModes } from '../testing/index.ts';
import { V4L2_PIX_FMT_GREY, V4L2_PIX_FMT_MJPEG } from '../wire/index.ts';
import { SharedSource } from './shared-source.ts';
import { SourceError } from './source-error.ts';

const AT_30 = { numerator: 1, denominator: 30 };
const wanted = (fourcc: number, width = 64, height = 48): WantedFrames => ({
  layout: pictureLayout(fourcc, width, height) as PictureLayout,
  interval: AT_30,
});
const MJPEG = wanted(V4L2_PIX_FMT_MJPEG);
const GREY = wanted(V4L2_PIX_FMT_GREY);
const bytes = (length: number): Uint8Array => new Uint8Array(length).fill(length);

describe('a shared source', () => {
  it('starts its capture once for all streams that want the same, and hands them the same frame', async () => {
    const toy = new ToyCapture();
    const source = new SharedSource(toy);
    const [a, b] = [new ToyConsumer(), new ToyConsumer()];
    const one = source.start(MJPEG, a);
    const two = source.start({ layout: { ...MJPEG.layout }, interval: { numerator: 2, denominator: 60 } }, b);
    expect(toy.push(bytes(5))).toBe(true);
    expect([toy.starts, a.frames.length, b.frames[0] === a.frames[0]]).toEqual([1, 1, true]);
    one[Symbol.dispose]();
    one[Symbol.dispose]();
    toy.push(bytes(6));
    expect([a.sequences, b.sequences]).toEqual([[0], [0, 1]]);
    two[Symbol.dispose]();
    expect([toy.running, toy.push(bytes(7)), toy.out]).toEqual([undefined, false, 0]);
    await source[Symbol.asyncDispose]();
    expect([toy.ended, a.reasons, b.reasons]).toEqual([true, [], []]);
  });

  it('gives a captured frame back with its last release, and throws at a release or retain too many', () => {
    const toy = new ToyCapture();
    const source = new SharedSource(toy);
    const [a, b, busy] = [new ToyConsumer(), new ToyConsumer(), new ToyConsumer()];
    a.keep = true;
    b.keep = true;
    busy.wants = false;
    for (const consumer of [busy, a, b]) source.start(MJPEG, consumer);
    toy.push(bytes(9));
    expect([toy.out, busy.frames]).toEqual([1, []]);
    const [frame] = a.frames;
    frame?.release();
    expect(toy.out).toBe(1);
    frame?.release();
    expect(toy.out).toBe(0);
    expect(() => frame?.release()).toThrow(/released once too often/);
    expect(() => frame?.retain()).toThrow(/after its last release/);
    for (const consumer of [a, b]) consumer.wants = false;
    expect(toy.push(bytes(9))).toBe(false);
    busy.wants = true;
    toy.push(bytes(9));
    expect([busy.sequences, toy.out]).toEqual([[2], 0]);
  });

  it('gives no frame to a stream that ended while others were given it', () => {
    const toy = new ToyCapture();
    const source = new SharedSource(toy);
    const [other, last] = [new ToyConsumer(), new ToyConsumer()];
    const ending: FrameConsumer = {
      wantsFrame: () => true,
      lost: () => {},
      frame: () => {
        own[Symbol.dispose]();
        second[Symbol.dispose]();
      },
    };
    const own = source.start(MJPEG, ending);
    const second = source.start(MJPEG, other);
    source.start(MJPEG, last);
    toy.push(bytes(3));
    expect([other.frames, last.sequences, toy.out]).toEqual([[], [0], 0]);
  });

  it('throws at start when the capture is busy or without memory, and tells the stream of other faults afterwards', async () => {
    const toy = new ToyCapture();
    const source = new SharedSource(toy);
    source.start(MJPEG, new ToyConsumer());
    expect(() => source.start(GREY, new ToyConsumer())).toThrow(SourceBusyError);
    const failing = (error: Error): Capture =>
      Object.assign(new ToyCapture(), {
        start: () => {
          throw error;
        },
      });
    expect(() => new SharedSource(failing(new NoMemoryError('none'))).start(GREY, new ToyConsumer())).toThrow(NoMemoryError);
    const broken = new SharedSource(failing(new RangeError('odd')));
    const [told, gone] = [new ToyConsumer(), new ToyConsumer()];
    broken.start(GREY, told);
    broken.start(GREY, gone)[Symbol.dispose]();
    expect(told.reasons).toEqual([]);
    await Promise.resolve();
    expect([told.reasons, gone.reasons]).toEqual([['no such frames can be had: odd'], []]);
    expect(() => source.start({ ...GREY, interval: { numerator: 0, denominator: 1 } }, new ToyConsumer())).toThrow(SourceError);
  });
});

describe('the presence of a source', () => {
  it('is absent until the camera is found, lost when it went, and present again', async () => {
    const toy = new ToyCapture(undefined, 'not found');
    const source = new SharedSource(toy);
    const heard: string[] = [];
    const watching = source.watch((change) => heard.push(`${change}: ${source.presence.kind}`));
    expect(source.presence).toEqual({ kind: 'absent', reason: 'not found' });
    const early = new ToyConsumer();
    source.start(MJPEG, early);
    await Promise.resolve();
    toy.vanish('still not found');
    expect(source.presence).toEqual({ kind: 'absent', reason: 'still not found' });
    toy.appear();
    toy.vanish('unplugged');
    toy.vanish('unplugged for long');
    expect(source.presence).toEqual({ kind: 'lost', reason: 'unplugged for long' });
    toy.appear();
    expect(heard).toEqual(['came: present', 'went: lost', 'came: present']);
    expect(early.reasons).toEqual(['not found']);
    watching[Symbol.dispose]();
    toy.vanish();
    expect(heard).toHaveLength(3);
    expect(source.presence.kind).toBe('lost');
  });

  it('ends the streams when the camera goes, before watchers are told, and others start when it is back', () => {
    const toy = new ToyCapture();
    const source = new SharedSource(toy);
    const first = new ToyConsumer();
    first.keep = true;
    const seen: (readonly string[])[] = [];
    using _watching = source.watch(() => seen.push([...first.reasons]));
    const stream = source.start(MJPEG, first);
    toy.push(bytes(4));
    toy.vanish('unplugged');
    expect([first.reasons, toy.running, toy.out, seen]).toEqual([['unplugged'], undefined, 1, [['unplugged']]]);
    first.frames[0]?.release();
    stream[Symbol.dispose]();
    toy.appear();
    const second = new ToyConsumer();
    source.start(MJPEG, second);
    toy.push(bytes(4));
    expect([second.sequences, toy.out]).toEqual([[1], 0]);
  });

  it('is not changed when the capture ends a single start, whose streams are told the reason', () => {
    const toy = new ToyCapture();
    const source = new SharedSource(toy);
    const consumer = new ToyConsumer();
    source.start(MJPEG, consumer);
    toy.running?.sink.ended('its cable is bad');
    expect([consumer.reasons, toy.running, source.presence.kind]).toEqual([['its cable is bad'], undefined, 'present']);
    source.start(GREY, consumer);
    expect(toy.running?.wanted).toBe(GREY);
  });

  it('goes on with the streams whose frames the changed camera still brings, and ends the others', () => {
    const toy = new ToyCapture();
    const source = new SharedSource(toy);
    const heard: string[] = [];
    using _watching = source.watch((change) => heard.push(change));
    const consumer = new ToyConsumer();
    source.start(GREY, consumer);
    const before = source.capabilities;
    toy.appear(toyModes([V4L2_PIX_FMT_GREY], [32, 32], [64, 48]));
    expect([consumer.reasons, heard, source.capabilities.formats]).toEqual([[], ['modes'], [V4L2_PIX_FMT_GREY]]);
    expect(source.capabilities).not.toBe(before);
    toy.appear(toyModes([V4L2_PIX_FMT_GREY], [32, 32]));
    expect(consumer.reasons).toEqual(['the source does not bring such frames any more']);
    expect([toy.running, heard]).toEqual([undefined, ['modes', 'modes']]);
    toy.appear();
    expect(heard).toHaveLength(2);
  });
});
