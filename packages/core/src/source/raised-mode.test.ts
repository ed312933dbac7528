// SPDX-License-Identifier: Apache-2.0
/** A camera of one mode at a time, which is begun again in a larger one for who asks for that. */
import { describe, expect, it } from 'vitest';
import { type PictureLayout, pictureLayout } from '../picture/index.ts';
import { type CaptureSink, NoMemoryError, SourceBusyError, type WantedFrames } from '../ports/index.ts';
import { ToyCapture, ToyConsumer, ToyConverter, toyModes } from '../testing/index.ts';
import { V4L2_PIX_FMT_GREY, V4L2_PIX_FMT_MJPEG, V4L2_PIX_FMT_NV12, V4L2_PIX_FMT_YUYV } from '../wire/index.ts';
import { SharedSource } from './shared-source.ts';

const wanted = (fourcc: number, width: number, height: number): WantedFrames => ({
  layout: pictureLayout(fourcc, width, height) as PictureLayout,
  interval: { numerator: 1, denominator: 30 },
});
const SMALL = wanted(V4L2_PIX_FMT_GREY, 320, 240);
const MIDDLE = wanted(V4L2_PIX_FMT_GREY, 640, 480);
const LARGE = wanted(V4L2_PIX_FMT_GREY, 1280, 960);

/** A camera that counts its frames from 0 in each start, as drivers do, and a converter. */
function camera(formats: readonly number[] = [V4L2_PIX_FMT_GREY]) {
  const toy = new ToyCapture(toyModes(formats, [320, 240], [640, 480], [1280, 960]));
  const start = toy.start.bind(toy);
  toy.start = (mode, sink) => {
    let first: number | undefined;
    const counting: CaptureSink = {
      wantsFrame: () => sink.wantsFrame(),
      frame: (frame) => {
        first ??= frame.sequence;
        sink.frame({ ...frame, sequence: frame.sequence - first });
      },
      ended: (reason) => sink.ended(reason),
    };
    return start(mode, counting);
  };
  const converter = new ToyConverter();
  const source = new SharedSource(toy, converter);
  const push = (value: number): boolean => toy.push(new Uint8Array(4).fill(value));
  const mode = (): string => {
    const { width, height } = toy.running?.wanted.layout ?? {};
    return `${width}x${height}`;
  };
  const makeAll = async (): Promise<void> => {
    for (const conversion of converter.opened) while (conversion.making.length > 0) await converter.make(conversion);
  };
  /** The camera says that it cannot go on, as one does that is refused its bandwidth. */
  const fail = (): void => {
    const { running } = toy;
    toy.running = undefined;
    running?.sink.ended('the bus has no bandwidth left');
  };
  return { toy, converter, source, push, mode, makeAll, fail };
}

describe('a camera of one mode at a time', () => {
  it('is begun again in a larger mode for who asks for that; the streams that there were go on, and count on', async () => {
    const { source, push, mode, makeAll, toy } = camera();
    const [first, made, second] = [new ToyConsumer(), new ToyConsumer(), new ToyConsumer()];
    const streams = [source.start(SMALL, first), source.start(wanted(V4L2_PIX_FMT_YUYV, 320, 240), made)];
    for (const value of [1, 2, 3]) {
      push(value);
      await makeAll();
    }
    expect(mode()).toBe('320x240');
    streams.push(source.start(LARGE, second));
    expect(mode()).toBe('1280x960');
    for (const value of [4, 5]) {
      push(value);
      await makeAll();
    }
    expect([first.sequences, made.sequences, second.sequences]).toEqual([
      [0, 1, 2, 3, 4],
      [0, 1, 2, 3, 4],
      [0, 1],
    ]);
    const [last] = first.frames.at(-1)?.planes ?? [];
    expect(last?.kind === 'bytes' && [last.bytes.length, last.bytes[0]]).toEqual([320 * 240, 5]);
    expect([first.reasons, made.reasons]).toEqual([[], []]);
    streams.pop()?.[Symbol.dispose]();
    expect(mode()).toBe('1280x960');
    for (const stream of streams) stream[Symbol.dispose]();
    expect([toy.running, toy.out]).toEqual([undefined, 0]);
    source.start(SMALL, new ToyConsumer());
    expect(mode()).toBe('320x240');
  });

  it('rises as often as somebody asks for more, and every conversion is of the frames of the camera itself', () => {
    const { source, mode, converter } = camera();
    for (const each of [SMALL, MIDDLE, LARGE]) source.start(each, new ToyConsumer());
    expect(mode()).toBe('1280x960');
    const open = converter.opened.filter(({ closed }) => !closed).map(({ from, to }) => [from.width, to.width]);
    expect(open.toSorted(([, a = 0], [, b = 0]) => a - b)).toEqual([
      [1280, 320],
      [1280, 640],
    ]);
  });

  it('stays in its mode for who asks for less, or where what runs could not go on', () => {
    const { source, toy, mode } = camera([V4L2_PIX_FMT_GREY, V4L2_PIX_FMT_MJPEG]);
    const running = source.start(wanted(V4L2_PIX_FMT_MJPEG, 320, 240), new ToyConsumer());
    expect(() => source.start(MIDDLE, new ToyConsumer())).toThrow(SourceBusyError);
    running[Symbol.dispose]();
    source.start(LARGE, new ToyConsumer());
    source.start(wanted(V4L2_PIX_FMT_NV12, 320, 240), new ToyConsumer());
    expect([mode(), toy.starts]).toEqual(['1280x960', 2]);
  });

  it('is begun as it was if it ends before a frame came in the larger mode, which is not tried again until it changes', async () => {
    const { source, toy, push, mode, makeAll, fail } = camera();
    const [first, second] = [new ToyConsumer(), new ToyConsumer()];
    source.start(SMALL, first);
    push(1);
    const stream = source.start(LARGE, second);
    fail();
    expect([mode(), toy.starts]).toEqual(['320x240', 3]);
    push(2);
    await makeAll();
    expect([first.sequences, second.frames.length, first.reasons, second.reasons]).toEqual([[0, 1], 1, [], []]);
    stream[Symbol.dispose]();
    source.start(LARGE, second);
    expect([mode(), toy.starts]).toEqual(['320x240', 3]);
    toy.vanish();
    toy.appear();
    expect(first.reasons).toEqual(['unplugged']);
    source.start(SMALL, new ToyConsumer());
    source.start(LARGE, new ToyConsumer());
    expect(mode()).toBe('1280x960');
  });

  it('ends its streams if it fails with frames delivered, or in its former mode too', () => {
    const { source, push, fail } = camera();
    const [first, second] = [new ToyConsumer(), new ToyConsumer()];
    source.start(SMALL, first);
    source.start(LARGE, second);
    push(1);
    fail();
    expect([first.reasons, second.reasons]).toEqual([['the bus has no bandwidth left'], ['the bus has no bandwidth left']]);
    source.start(SMALL, first);
    source.start(LARGE, second);
    fail();
    fail();
    expect([first.reasons.length, second.reasons.length]).toEqual([2, 2]);
  });

  it('goes on as it was if the larger mode cannot be begun at once', () => {
    const { source, toy, push, mode } = camera();
    const first = new ToyConsumer();
    source.start(SMALL, first);
    push(1);
    const start = toy.start.bind(toy);
    toy.start = (asked, sink) => {
      if (asked.layout.width === 1280 && toy.running === undefined) throw new NoMemoryError('none for frames so large');
      return start(asked, sink);
    };
    // A conversion of what there is comes in its place.
    source.start(LARGE, new ToyConsumer());
    push(2);
    expect([mode(), first.sequences, first.reasons]).toEqual(['320x240', [0, 1], []]);
  });
});
