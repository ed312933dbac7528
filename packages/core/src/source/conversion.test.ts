// SPDX-License-Identifier: Apache-2.0
/** A source with a converter: who asks for frames that its camera does not bring gets them all the same. */
import { describe, expect, it } from 'vitest';
import { fourccName, hasSize, type PictureLayout, pictureLayout } from '../picture/index.ts';
import { NoMemoryError, SourceBusyError, type WantedFrames } from '../ports/index.ts';
import { ToyCapture, ToyConsumer, ToyConverter, toyModes } from '../testing/index.ts';
import {
  V4L2_COLORSPACE_JPEG,
  V4L2_PIX_FMT_GREY,
  V4L2_PIX_FMT_MJPEG,
  V4L2_PIX_FMT_NV12,
  V4L2_PIX_FMT_YUYV,
} from '../wire/index.ts';
import { SharedSource } from './shared-source.ts';

const wanted = (fourcc: number, width = 640, height = 480): WantedFrames => ({
  layout: pictureLayout(fourcc, width, height) as PictureLayout,
  interval: { numerator: 1, denominator: 30 },
});

/** A camera that brings grey pictures of two sizes, one at a time, and a converter. */
function camera(formats: readonly number[] = [V4L2_PIX_FMT_GREY]) {
  const toy = new ToyCapture(toyModes(formats, [640, 480], [320, 240]));
  const converter = new ToyConverter();
  const source = new SharedSource(toy, converter);
  const push = (value: number): boolean => toy.push(new Uint8Array(4).fill(value));
  return { toy, converter, source, push };
}

describe('a source with a converter', () => {
  it('offers what the camera brings first, and then all that can be made of that, and smaller sizes', () => {
    const { source } = camera([V4L2_PIX_FMT_MJPEG, V4L2_PIX_FMT_GREY]);
    const { formats, sizes, intervals, defaultSize } = source.capabilities;
    expect(formats.map(fourccName)).toEqual(['MJPG', 'GREY', 'NV12', 'YUYV']);
    expect(defaultSize).toEqual({ width: 640, height: 480 });
    for (const fourcc of [V4L2_PIX_FMT_GREY, V4L2_PIX_FMT_NV12]) {
      for (const [width, height] of [
        [640, 480],
        [320, 240],
        [480, 360],
        [160, 120],
      ] as const) {
        expect(hasSize(sizes(fourcc), { width, height })).toBe(true);
      }
      expect(intervals(fourcc, 160, 120)).toEqual({ kind: 'discrete', intervals: [{ numerator: 1, denominator: 30 }] });
    }
    expect(hasSize(sizes(V4L2_PIX_FMT_MJPEG), { width: 480, height: 360 })).toBe(false);
  });

  it('leaves a camera alone whose formats it cannot read, or that scales by itself', () => {
    const left = (modes: ReturnType<typeof toyModes>): void =>
      expect(new SharedSource(new ToyCapture(modes), new ToyConverter()).capabilities).toBe(modes);
    left(toyModes([V4L2_PIX_FMT_MJPEG], [640, 480]));
    const range = { minWidth: 16, maxWidth: 640, stepWidth: 2, minHeight: 16, maxHeight: 480, stepHeight: 2 };
    left({ ...toyModes(new ToyConverter().makes, [640, 480]), sizes: () => ({ kind: 'stepwise', range }) });
  });

  it('offers JPEG that is made of raw frames, with colours of its own, of a camera that scales by itself too', () => {
    const range = { minWidth: 16, maxWidth: 640, stepWidth: 2, minHeight: 16, maxHeight: 480, stepHeight: 2 };
    const scaling = { ...toyModes(new ToyConverter().makes, [640, 480]), sizes: () => ({ kind: 'stepwise', range }) as const };
    for (const modes of [toyModes([V4L2_PIX_FMT_GREY], [640, 480]), scaling]) {
      const source = new SharedSource(new ToyCapture(modes), new ToyConverter([V4L2_PIX_FMT_MJPEG]));
      const { formats, sizes, intervals, otherColours } = source.capabilities;
      expect(formats.at(-1)).toBe(V4L2_PIX_FMT_MJPEG);
      expect(otherColours?.get(V4L2_PIX_FMT_MJPEG)?.colorspace).toBe(V4L2_COLORSPACE_JPEG);
      expect(hasSize(sizes(V4L2_PIX_FMT_MJPEG), { width: 160, height: 120 })).toBe(true);
      expect(intervals(V4L2_PIX_FMT_MJPEG, 160, 120)).toEqual(modes.intervals(V4L2_PIX_FMT_GREY, 640, 480));
    }
  });

  it('passes JPEG of the camera on in its sizes, and makes it in others', () => {
    const toy = new ToyCapture(toyModes([V4L2_PIX_FMT_MJPEG, V4L2_PIX_FMT_GREY], [640, 480]));
    const converter = new ToyConverter([V4L2_PIX_FMT_MJPEG]);
    const source = new SharedSource(toy, converter);
    expect(source.capabilities.otherColours).toBeUndefined();
    const own = source.start({ ...wanted(V4L2_PIX_FMT_MJPEG), quality: 7 }, new ToyConsumer());
    // Its quality is the camera's: whoever asks for another gets the same frames.
    source.start({ ...wanted(V4L2_PIX_FMT_MJPEG), quality: 8 }, new ToyConsumer())[Symbol.dispose]();
    expect([toy.starts, converter.opened]).toEqual([1, []]);
    own[Symbol.dispose]();
    source.start({ ...wanted(V4L2_PIX_FMT_MJPEG, 320, 240), quality: 7 }, new ToyConsumer());
    expect([toy.running?.wanted.layout.fourcc, converter.opened[0]?.quality]).toEqual([V4L2_PIX_FMT_GREY, 7]);
    expect(converter.opened[0]?.fit).toBe('contain');
  });

  it('shares coded pictures of one quality, and raw ones whatever the quality', () => {
    const toy = new ToyCapture(toyModes([V4L2_PIX_FMT_GREY], [640, 480]));
    const converter = new ToyConverter([V4L2_PIX_FMT_MJPEG]);
    const source = new SharedSource(toy, converter);
    for (const [fourcc, quality] of [
      [V4L2_PIX_FMT_MJPEG, 50],
      [V4L2_PIX_FMT_MJPEG, 50],
      [V4L2_PIX_FMT_MJPEG, 60],
      [V4L2_PIX_FMT_NV12, 50],
      [V4L2_PIX_FMT_NV12, 60],
    ] as const)
      source.start({ ...wanted(fourcc), quality }, new ToyConsumer());
    expect(converter.opened.map(({ to, quality }) => [fourccName(to.fourcc), quality])).toEqual([
      ['MJPG', 50],
      ['MJPG', 60],
      ['NV12', 50],
    ]);
  });

  it('does not make what no converter makes out of a mode that runs', () => {
    const toy = new ToyCapture(toyModes([V4L2_PIX_FMT_GREY, V4L2_PIX_FMT_MJPEG], [640, 480]));
    const source = new SharedSource(toy, new ToyConverter());
    source.start(wanted(V4L2_PIX_FMT_GREY), new ToyConsumer());
    expect(() => source.start(wanted(V4L2_PIX_FMT_MJPEG), new ToyConsumer())).toThrow(SourceBusyError);
  });

  it('makes a picture once for all who want the same, out of frames that the camera brings once', async () => {
    const { toy, converter, source, push } = camera();
    const [a, b, small, own] = [new ToyConsumer(), new ToyConsumer(), new ToyConsumer(), new ToyConsumer()];
    const streams = [
      source.start(wanted(V4L2_PIX_FMT_NV12), a),
      source.start(wanted(V4L2_PIX_FMT_NV12), b),
      source.start(wanted(V4L2_PIX_FMT_YUYV, 480, 360), small),
      source.start(wanted(V4L2_PIX_FMT_GREY), own),
    ];
    expect([toy.starts, converter.opened.length]).toEqual([1, 2]);
    expect(converter.opened.map(({ from }) => [from.fourcc, from.width])).toEqual([
      [V4L2_PIX_FMT_GREY, 640],
      [V4L2_PIX_FMT_GREY, 640],
    ]);
    push(7);
    expect([own.sequences, a.sequences, toy.out]).toEqual([[0], [], 1]);
    for (const conversion of converter.opened) await converter.make(conversion);
    expect([a.sequences, b.sequences, small.sequences, toy.out, converter.out]).toEqual([[0], [0], [0], 0, 0]);
    expect(a.frames[0]).toBe(b.frames[0]);
    expect(small.frames[0]).toMatchObject({ timestamp: 0, planes: [{ bytes: new Uint8Array(480 * 360 * 2).fill(7) }] });
    for (const stream of streams) stream[Symbol.dispose]();
    expect([toy.running, converter.opened.map(({ closed }) => closed)]).toEqual([undefined, [true, true]]);
    await source[Symbol.asyncDispose]();
  });

  it('takes the smallest frames of the camera that are no smaller than what is wanted', () => {
    const { toy, source } = camera();
    source.start(wanted(V4L2_PIX_FMT_NV12, 160, 120), new ToyConsumer());
    expect(toy.running?.wanted.layout).toMatchObject({ fourcc: V4L2_PIX_FMT_GREY, width: 320, height: 240 });
  });

  it('makes out of what the camera brings already what it cannot bring beside that, be it one of its own layouts', async () => {
    const { toy, converter, source, push } = camera();
    const [large, small, other] = [new ToyConsumer(), new ToyConsumer(), new ToyConsumer()];
    source.start(wanted(V4L2_PIX_FMT_GREY), large);
    source.start(wanted(V4L2_PIX_FMT_GREY, 320, 240), small);
    source.start(wanted(V4L2_PIX_FMT_NV12, 320, 240), other);
    push(1);
    for (const conversion of converter.opened) await converter.make(conversion);
    expect([toy.starts, large.sequences, small.sequences, other.sequences]).toEqual([1, [0], [0], [0]]);
    // At another rate, there is nothing to make it of.
    const slow = { ...wanted(V4L2_PIX_FMT_NV12), interval: { numerator: 1, denominator: 15 } };
    expect(() => source.start(slow, new ToyConsumer())).toThrow(SourceBusyError);
  });

  it('skips frames while two are being made, and those that nobody wants', async () => {
    const { toy, converter, source, push } = camera();
    const consumer = new ToyConsumer();
    source.start(wanted(V4L2_PIX_FMT_NV12), consumer);
    const [conversion] = converter.opened;
    expect([push(0), push(1), push(2), toy.out]).toEqual([true, true, false, 2]);
    await converter.make(conversion, false);
    await converter.make(conversion);
    expect([consumer.sequences, toy.out]).toEqual([[1], 0]);
    consumer.wants = false;
    expect(push(3)).toBe(false);
  });

  it('ends what it makes with what that is made of, and delivers nothing more', async () => {
    const { toy, converter, source, push } = camera();
    const [lost, ended] = [new ToyConsumer(), new ToyConsumer()];
    source.start(wanted(V4L2_PIX_FMT_NV12), lost);
    const stream = source.start(wanted(V4L2_PIX_FMT_YUYV), ended);
    push(1);
    stream[Symbol.dispose]();
    toy.vanish('unplugged');
    expect([lost.reasons, ended.reasons, toy.running]).toEqual([['unplugged'], [], undefined]);
    expect(converter.opened.map(({ closed }) => closed)).toEqual([false, false]);
    for (const conversion of converter.opened) await converter.make(conversion);
    expect([lost.frames, ended.frames, toy.out, converter.out]).toEqual([[], [], 0, 0]);
    expect(converter.opened.map(({ closed }) => closed)).toEqual([true, true]);
    toy.appear(toyModes([V4L2_PIX_FMT_YUYV], [640, 480]));
    source.start(wanted(V4L2_PIX_FMT_NV12), lost);
    expect(toy.running?.wanted.layout.fourcc).toBe(V4L2_PIX_FMT_YUYV);
    toy.appear(toyModes([V4L2_PIX_FMT_MJPEG], [640, 480]));
    expect(lost.reasons).toHaveLength(2);
  });

  it('leaves no start behind where there is no memory to convert', () => {
    const { toy, converter, source } = camera();
    converter.open = () => {
      throw new NoMemoryError('none');
    };
    expect(() => source.start(wanted(V4L2_PIX_FMT_NV12), new ToyConsumer())).toThrow(NoMemoryError);
    expect(toy.running).toBeUndefined();
  });
});
