// SPDX-License-Identifier: Apache-2.0
import {
  type PictureLayout,
  pictureLayout,
  SourceBusyError,
  V4L2_COLORSPACE_SRGB,
  V4L2_PIX_FMT_GREY,
  V4L2_PIX_FMT_MJPEG,
  V4L2_PIX_FMT_YUV420,
  V4L2_QUANTIZATION_FULL_RANGE,
  type WantedFrames,
} from '@paravideo/core';
import { ManualClock } from '@paravideo/core/testing';
import { describe, expect, it } from 'vitest';
import { eventfd, mappingsOf, signal, viewAt } from '../../sys/index.ts';
import { BYTES_PER_TURN, SILENCE_LIMIT } from './producer.ts';
import { MAX_CHANGES } from './raw-capture.ts';
import { CopyingConsumer, RawRig } from './testing/raw-rig.ts';
import { frame, frameHeader, pixels as picture, y4mFrame, y4mHeader } from './testing/streams.ts';

const AT_30 = { numerator: 1, denominator: 30 };
const wanted = (fourcc: number, width: number, height: number, stride?: number): WantedFrames => {
  const layout = pictureLayout(fourcc, width, height, stride);
  if (layout === undefined) throw new TypeError('no layout');
  return { layout, interval: AT_30 };
};
const GREY = { format: 'frames', size: '32x16', 'pixel-format': 'GREY' } as const;
const SMALL = wanted(V4L2_PIX_FMT_GREY, 32, 16);

/** Where a naive writer puts the bytes of a frame without padding. */
function placed({ colours, sizes }: PictureLayout, bytes: Uint8Array): Buffer {
  const whole = Buffer.alloc(sizes[0] ?? 0);
  let at = 0;
  for (const { offset, rows, stride, lineBytes } of colours) {
    for (let row = 0; row < rows; row += 1) {
      whole.set(bytes.subarray(at, at + lineBytes), offset + row * stride);
      at += lineBytes;
    }
  }
  return whole;
}

describe('a camera of raw frames', () => {
  it.each([
    [64, 48, undefined],
    [33, 17, undefined],
    [64, 48, 100],
    [641, 481, 1024],
  ])('brings the bytes of its producer exactly, at %i x %i with lines of %s bytes', async (width, height, stride) => {
    await using rig = new RawRig();
    const { to } = rig.produce();
    to?.write(y4mHeader(width, height));
    await rig.untilPresent();
    const want = wanted(V4L2_PIX_FMT_YUV420, width, height, stride);
    const consumer = new CopyingConsumer();
    using _stream = rig.source.start(want, consumer);
    const bytes = want.layout.colours.reduce((sum, { rows, lineBytes }) => sum + rows * lineBytes, 0);
    const sent = [0, 1, 2, 3, 4].map((i) => picture(bytes, i));
    for (const each of sent) to?.write(y4mFrame(each));
    await consumer.until(5);
    for (const [i, { bytes: got, sequence }] of consumer.frames.entries()) {
      expect(sequence).toBe(i);
      expect(Buffer.compare(got, placed(want.layout, sent[i] ?? new Uint8Array(0)))).toBe(0);
    }
  });

  it('says what its producer says: size, rate, range; and before that what the configuration says', async () => {
    await using rig = new RawRig({ size: '320x240', fps: 25 });
    expect(rig.source.presence).toEqual({ kind: 'absent', reason: 'nobody yet' });
    expect(rig.source.capabilities).toMatchObject({
      formats: [V4L2_PIX_FMT_YUV420],
      defaultSize: { width: 320, height: 240 },
      defaultInterval: { numerator: 1, denominator: 25 },
    });
    rig.produce().to?.write(y4mHeader(64, 48, 'F30000:1001 Cmono XCOLORRANGE=FULL'));
    await rig.untilPresent();
    const { formats, defaultSize, defaultInterval, colorimetry } = rig.source.capabilities;
    expect({ formats, defaultSize, defaultInterval }).toEqual({
      formats: [V4L2_PIX_FMT_GREY],
      defaultSize: { width: 64, height: 48 },
      defaultInterval: { numerator: 1001, denominator: 30000 },
    });
    expect(colorimetry.quantization).toBe(V4L2_QUANTIZATION_FULL_RANGE);
  });

  it('reads and drops what nobody wants, and counts it', async () => {
    await using rig = new RawRig(GREY);
    const { to, producer } = rig.produce();
    const consumer = new CopyingConsumer();
    to?.write(frame(picture(512, 0)));
    to?.write(frame(picture(512, 1)));
    await expect.poll(() => producer.frames).toBe(2);
    using _stream = rig.source.start(SMALL, consumer);
    consumer.wants = 1;
    to?.write(frame(picture(512, 2)));
    await consumer.until(1);
    for (let i = 3; i < 100; i++) to?.write(frame(picture(512, i)));
    await expect.poll(() => producer.frames).toBe(100);
    consumer.wants = 1;
    to?.write(frame(picture(512, 100)));
    await consumer.until(2);
    expect(consumer.frames.map(({ sequence }) => sequence)).toEqual([2, 100]);
    expect(consumer.frames.at(-1)?.bytes).toEqual(Buffer.from(picture(512, 100)));
  });

  it('brings coded frames as long as they come', async () => {
    await using rig = new RawRig({ format: 'frames' });
    const { to, producer } = rig.produce();
    const jpeg = (length: number) => frame(picture(length, length), { fourcc: 'MJPG', width: 64, height: 48 });
    to?.write(jpeg(9));
    await expect.poll(() => producer.frames).toBe(1);
    const consumer = new CopyingConsumer();
    expect(rig.source.capabilities).toMatchObject({
      formats: [V4L2_PIX_FMT_MJPEG],
      colorimetry: { colorspace: V4L2_COLORSPACE_SRGB },
    });
    using _stream = rig.source.start(wanted(V4L2_PIX_FMT_MJPEG, 64, 48), consumer);
    const lengths = [1000, 1, 70_001, 2 ** 20, 3];
    for (const [i, length] of lengths.entries()) {
      to?.write(jpeg(length));
      await consumer.until(i + 1);
    }
    expect(consumer.frames.map(({ bytes }) => bytes.length)).toEqual(lengths);
    expect(consumer.frames.every(({ bytes }) => bytes.equals(picture(bytes.length, bytes.length)))).toBe(true);
  });

  it('stamps frames with the time at which the first byte came, or with that of the header', async () => {
    const clock = new ManualClock(5_000_000);
    await using rig = new RawRig(GREY, clock);
    const { to, producer } = rig.produce();
    to?.write(frame(picture(512, 0)));
    await expect.poll(() => producer.frames).toBe(1);
    const consumer = new CopyingConsumer();
    using _stream = rig.source.start(SMALL, consumer);
    const header = frameHeader();
    to?.write(header.subarray(0, 10));
    await expect.poll(() => clock.pending).toBeGreaterThan(0);
    clock.advance(1000);
    to?.write(Buffer.concat([header.subarray(10), picture(512, 1)]));
    await consumer.until(1);
    const stamped = [5_000_500, 4_000_000, 5_000_800, 99_000_000, 1];
    for (const [i, timestamp] of stamped.entries()) {
      to?.write(frame(picture(512, i), { timestamp }));
      await consumer.until(i + 2);
    }
    // One that goes back is that of the frame before; one of another clock is when it came.
    expect(consumer.frames.map(({ timestamp }) => timestamp)).toEqual([
      5_000_000, 5_000_500, 5_000_500, 5_000_800, 5_001_000, 5_001_000,
    ]);
    expect(rig.told.filter((line) => line.includes('not of this clock'))).toHaveLength(1);
  });

  it('is busy for a second start with other lines, and free when the first has ended', async () => {
    await using rig = new RawRig(GREY);
    rig.produce().to?.write(frame(picture(512, 0)));
    await rig.untilPresent();
    const first = rig.source.start(SMALL, new CopyingConsumer());
    const other = wanted(V4L2_PIX_FMT_GREY, 32, 16, 64);
    expect(() => rig.source.start(other, new CopyingConsumer())).toThrow(SourceBusyError);
    first[Symbol.dispose]();
    rig.source.start(other, new CopyingConsumer())[Symbol.dispose]();
    expect(rig.streaming).toBe(false);
  });

  it('skips frames while all of its memory is lent, and gives the memory back', async () => {
    const before = mappingsOf('paravideo-raw-frames');
    await using rig = new RawRig(GREY);
    const { to, producer } = rig.produce();
    to?.write(frame(picture(512, 0)));
    await expect.poll(() => producer.frames).toBe(1);
    const consumer = new CopyingConsumer();
    const stream = rig.source.start(SMALL, consumer);
    consumer.keep = true;
    for (let i = 1; i <= 20; i++) to?.write(frame(picture(512, i)));
    await expect.poll(() => producer.frames).toBe(21);
    expect(consumer.frames.map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    consumer.kept.shift()?.release();
    to?.write(frame(picture(512, 21)));
    await consumer.until(9);
    expect(consumer.frames.at(-1)).toMatchObject({ sequence: 21, bytes: Buffer.from(picture(512, 21)) });
    stream[Symbol.dispose]();
    for (const kept of consumer.kept) kept.release();
    expect(mappingsOf('paravideo-raw-frames')).toBe(before);
  });
});

describe('a producer of raw frames', () => {
  it('that dies in the middle of a frame leaves nothing behind, and one that follows may bring another size', async () => {
    const mappings = mappingsOf('paravideo-raw-frames');
    await using rig = new RawRig(GREY);
    const first = rig.produce();
    first.to?.write(frame(picture(512, 0)));
    await expect.poll(() => first.producer.frames).toBe(1);
    const consumer = new CopyingConsumer();
    rig.source.start(SMALL, consumer);
    first.to?.write(frame(picture(512, 1)).subarray(0, 300));
    first.to?.end();
    expect(await first.ended).toEqual({ reason: 'it ended in the middle of a frame', fault: true, frames: 1 });
    expect([rig.source.presence.kind, mappingsOf('paravideo-raw-frames')]).toEqual(['lost', mappings]);
    expect([consumer.frames, consumer.lostFor, rig.streaming]).toEqual([[], ['it ended in the middle of a frame'], false]);

    const changes: string[] = [];
    using _watching = rig.source.watch((change) => changes.push(change));
    const second = rig.produce();
    second.to?.write(frame(picture(64 * 48, 2), { width: 64, height: 48 }));
    await expect.poll(() => second.producer.frames).toBe(1);
    expect([changes, rig.source.capabilities.defaultSize]).toEqual([['came'], { width: 64, height: 48 }]);
    using _stream = rig.source.start(wanted(V4L2_PIX_FMT_GREY, 64, 48), consumer);
    second.to?.write(frame(picture(64 * 48, 3), { width: 64, height: 48 }));
    await consumer.until(1);
    expect(consumer.frames[0]?.bytes).toEqual(Buffer.from(picture(64 * 48, 3)));
  });

  it('changes its picture in mid-stream: the streams end, the modes are others', async () => {
    await using rig = new RawRig(GREY);
    const { to, producer } = rig.produce();
    to?.write(frame(picture(512, 0)));
    await expect.poll(() => producer.frames).toBe(1);
    const consumer = new CopyingConsumer();
    rig.source.start(SMALL, consumer);
    const changes: string[] = [];
    using _watching = rig.source.watch((change) => changes.push(change));
    to?.write(
      Buffer.concat([
        frame(picture(512, 1)),
        frame(picture(768, 2), { fourcc: 'YU12' }),
        frame(picture(768, 3), { fourcc: 'YU12' }),
      ]),
    );
    while (consumer.lostFor.length === 0) await consumer.changed();
    expect([changes, rig.source.capabilities.formats, consumer.frames.length]).toEqual([['modes'], [V4L2_PIX_FMT_YUV420], 1]);
  });

  it('that changes its picture again and again has to go', async () => {
    await using rig = new RawRig(GREY);
    const { to, ended } = rig.produce();
    const changing = Array.from({ length: MAX_CHANGES + 2 }, (_, i) =>
      frame(picture(512, i), i % 2 === 0 ? {} : { width: 16, height: 32 }),
    );
    to?.write(Buffer.concat(changing));
    expect(await ended).toMatchObject({ fault: true, reason: expect.stringContaining(`more than ${MAX_CHANGES} times`) });
  });

  it('that sends garbage has to go, with what stands where and what to do', async () => {
    await using rig = new RawRig();
    const { to, ended } = rig.produce();
    to?.write('GET / HTTP/1.1\r\n\r\n');
    expect(await ended).toEqual({
      reason: '"GET / HTTP" stands where "YUV4MPEG2" has to: send YUV4MPEG2, or say format: frames',
      fault: true,
      frames: 0,
    });
    expect(rig.source.presence.kind).toBe('absent');
  });

  it.each(['a header', 'a frame'])(
    'that is silent in the middle of %s has to go after its time, and not before',
    async (where) => {
      const clock = new ManualClock();
      await using rig = new RawRig(GREY, clock);
      const { to, ended, producer } = rig.produce();
      to?.write(frame(picture(512, 0)));
      await expect.poll(() => producer.frames).toBe(1);
      clock.advance(10 * SILENCE_LIMIT);
      expect(rig.source.presence.kind).toBe('present');
      to?.write(frame(picture(512, 0)).subarray(0, where === 'a header' ? 3 : 100));
      await expect.poll(() => clock.pending).toBe(1);
      clock.advance(SILENCE_LIMIT - 1);
      expect(rig.source.presence.kind).toBe('present');
      clock.advance(1);
      expect(await ended).toMatchObject({ fault: true, reason: 'it was silent for 10 s in the middle of a frame' });
      expect(clock.pending).toBe(0);
    },
  );

  it('that floods is read a few bytes in a turn of the event loop', async () => {
    await using rig = new RawRig({ size: '32x16', 'pixel-format': 'GREY' });
    const fd = eventfd();
    signal(fd);
    // An input that always has more: a header, and frames without end.
    const stream = Buffer.concat([
      y4mHeader(32, 16, 'Cmono'),
      ...Array.from({ length: 4000 }, (_, i) => y4mFrame(picture(512, i))),
    ]);
    let [at, turn] = [0, 0];
    const turns: number[] = [];
    const { producer } = rig.produce({
      fd,
      read: (spans) => {
        let count = 0;
        for (const { address, length } of spans) {
          const part = stream.subarray(at, at + length);
          // The memory behind the address is the reader's own for headers, and nobody's for what is dropped.
          viewAt(address, part.length).set(part);
          at += part.length;
          count += part.length;
        }
        turns[turn] = (turns[turn] ?? 0) + count;
        return count === 0 ? 'closed' : count;
      },
      close: () => fd.close(),
    });
    const ticks = new Promise<void>((resolve) => {
      const next = (): void => {
        turn += 1;
        if (producer.frames < 4000) setImmediate(next);
        else resolve();
      };
      setImmediate(next);
    });
    await ticks;
    expect(Math.max(...turns.filter(Boolean))).toBeLessThanOrEqual(BYTES_PER_TURN);
    expect(turns.filter(Boolean).length).toBeGreaterThan(stream.length / BYTES_PER_TURN);
  });
});

describe('a lossless camera of raw frames', () => {
  it('is not read further until somebody takes the frame, and loses none', async () => {
    const clock = new ManualClock();
    await using rig = new RawRig({ ...GREY, lossless: true }, clock);
    const { to, producer } = rig.produce();
    for (let i = 0; i < 500; i++) to?.write(frame(picture(512, i)));
    await rig.untilPresent();
    // Nobody streams: the first frame is not begun.
    clock.advance(1_000_000);
    expect(producer.frames).toBe(0);
    const consumer = new CopyingConsumer();
    consumer.wants = 0;
    using _stream = rig.source.start(SMALL, consumer);
    clock.advance(0);
    for (let i = 0; i < 500; i++) {
      // One is read ahead at most, and waits.
      for (let turns = 0; turns < 3; turns++) {
        clock.advance(1_000_000);
        await new Promise((resolve) => setImmediate(resolve));
      }
      expect([producer.frames, consumer.frames.length]).toEqual([i, i]);
      consumer.wants = 1;
      while (consumer.frames.length === i) {
        clock.advance(2000);
        await new Promise((resolve) => setImmediate(resolve));
      }
      expect(consumer.frames.length).toBe(i + 1);
    }
    expect(consumer.frames.map(({ sequence }) => sequence)).toEqual([...Array(500).keys()]);
    expect(consumer.frames.every(({ bytes }, i) => bytes.equals(picture(512, i)))).toBe(true);
  });

  it('goes on where a stream has ended, with the next frame', async () => {
    await using rig = new RawRig({ ...GREY, lossless: true });
    const { to } = rig.produce();
    for (let i = 0; i < 4; i++) to?.write(frame(picture(512, i)));
    await rig.untilPresent();
    for (const round of [0, 1]) {
      const consumer = new CopyingConsumer();
      consumer.wants = 1;
      const stream = rig.source.start(SMALL, consumer);
      await consumer.until(1);
      stream[Symbol.dispose]();
      expect(consumer.frames[0]?.sequence).toBeGreaterThanOrEqual(round);
    }
  });
});
