// SPDX-License-Identifier: Apache-2.0
/** The output through the whole protocol: the TypeScript driver on one side, a `ToySink` on the other. */

import { afterEach, describe, expect, it } from 'vitest';
import { BufferSet, OutputClient } from '../../driver/index.ts';
import { fourcc } from '../../picture/index.ts';
import { errnoOf, TestOutputs, ToySink } from '../../testing/index.ts';
import {
  V4L2_BUF_TYPE_VIDEO_CAPTURE as CAPTURE,
  Errno,
  V4L2_BUF_TYPE_VIDEO_OUTPUT as OUTPUT,
  V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE as OUTPUT_MPLANE,
  V4L2_BUF_FLAG_ERROR,
  V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC,
  V4L2_CAP_STREAMING,
  V4L2_CAP_VIDEO_OUTPUT,
  V4L2_CAP_VIDEO_OUTPUT_MPLANE,
  V4L2_COLORSPACE_SMPTE170M,
  V4L2_COLORSPACE_SRGB,
  V4L2_FIELD_ALTERNATE,
  V4L2_FIELD_INTERLACED,
  V4L2_FIELD_NONE,
  V4L2_OUTPUT_TYPE_ANALOG,
  VIDIOC_ENUMOUTPUT,
  VIDIOC_G_INPUT,
  VIDIOC_G_OUTPUT,
  VIDIOC_S_OUTPUT,
  v4l2_output,
} from '../../wire/index.ts';
import { DeviceError } from '../framework/device-error.ts';
import { OutputDevice } from './output-device.ts';

const outputs = new TestOutputs();
const { guest } = outputs;
afterEach(async () => expect(await outputs.close()).toEqual([]));

const GREY = { pixelformat: fourcc('GREY'), width: 64, height: 48 };
/** Microseconds between frames at 30 frames a second, rounded up as timers are. */
const INTERVAL = 33_334;
const frame = (value: number, size = 64 * 48): Uint8Array => new Uint8Array(size).fill(value);
const settle = async (): Promise<void> => {
  for (let i = 0; i < 200; i++) await Promise.resolve();
};

describe('an output', () => {
  it('P15: says what it is in the configuration space, and has one output', async () => {
    const { driver } = await guest(new ToySink());
    expect(driver.config).toMatchObject({ deviceCaps: V4L2_CAP_VIDEO_OUTPUT | V4L2_CAP_STREAMING, card: 'Toy sink' });
    const session = await driver.open();
    const asked = new Uint8Array(v4l2_output.size).fill(0xff);
    const view = new DataView(asked.buffer);
    v4l2_output.fields.index.set(view, 0, 0);
    expect((await session.ioctl(VIDIOC_ENUMOUTPUT, asked)).errno).toBe(0);
    expect(v4l2_output.fields.type.get(view, 0)).toBe(V4L2_OUTPUT_TYPE_ANALOG);
    expect(new TextDecoder().decode(asked.subarray(4, 12))).toBe('Toy sink');
    expect([...asked.subarray(12, 36), ...asked.subarray(40)].filter((byte) => byte !== 0)).toEqual([]);
    v4l2_output.fields.index.set(view, 0, 1);
    expect((await session.ioctl(VIDIOC_ENUMOUTPUT, asked)).errno).toBe(Errno.EINVAL);
    expect((await session.ioctl(VIDIOC_G_OUTPUT, new Uint8Array(4))).errno).toBe(0);
    expect((await session.ioctl(VIDIOC_S_OUTPUT, Uint8Array.of(0, 0, 0, 0))).errno).toBe(0);
    expect((await session.ioctl(VIDIOC_S_OUTPUT, Uint8Array.of(1, 0, 0, 0))).errno).toBe(Errno.EINVAL);
    expect((await session.ioctl(VIDIOC_G_INPUT, new Uint8Array(4))).errno).toBe(Errno.ENOTTY);
  });

  it('offers the formats that its API can carry, and the nearest size and interval', async () => {
    const single = await guest(new ToySink());
    expect(single.device.formats).toEqual(['NV12', 'YUYV', 'GREY'].map(fourcc));
    const multi = await guest(new ToySink(), { planar: 'multi' });
    expect(multi.device.formats).toEqual(['NV12', 'YUYV', 'GREY', 'NM12'].map(fourcc));
    expect(multi.driver.config.deviceCaps).toBe(V4L2_CAP_VIDEO_OUTPUT_MPLANE | V4L2_CAP_STREAMING);
    const client = await OutputClient.open(single.driver);
    const made = await client.configure({
      pixelformat: fourcc('H264'),
      width: 5000,
      height: 47,
      interval: { numerator: 1, denominator: 500 },
    });
    expect(made.layout).toMatchObject({ fourcc: fourcc('NV12'), width: 1024, height: 48 });
    expect(made.interval).toEqual({ numerator: 1, denominator: 120 });
    expect(await errnoOf(client.session.gFmt(CAPTURE))).toBe(Errno.EINVAL);
  });

  it('has no padding in its lines, and means Rec. 601 where a program says nothing of its colours', async () => {
    const { driver } = await guest(new ToySink());
    const session = await driver.open();
    const asked = { type: OUTPUT, width: 64, height: 48, planes: [{ bytesPerLine: 500, sizeImage: 0 }] };
    const nv12 = await session.sFmt({ ...asked, pixelformat: fourcc('NV12') });
    expect(nv12.planes[0]).toMatchObject({ bytesPerLine: 64, sizeImage: 64 * 72 });
    expect(nv12.colorspace).toBe(V4L2_COLORSPACE_SMPTE170M);
    const grey = await session.sFmt({ ...asked, pixelformat: fourcc('GREY') });
    expect(grey.colorspace).toBe(V4L2_COLORSPACE_SRGB);
  });

  it('refuses to be made of a sink without a format that its API can carry', () => {
    const sink = new ToySink();
    const only = { modes: { ...sink.modes, formats: [fourcc('NM12')] }, start: sink.start.bind(sink) };
    const unused = { allocate: () => undefined, settled: () => undefined, allocated: 0 };
    const access = { open: true, store: async () => true, load: async () => true, fetch: async () => true };
    const clock = { now: () => 0, at: () => ({ [Symbol.dispose]: () => {} }) };
    const o = { sink: only, buffers: unused, access, clock };
    expect(() => new OutputDevice(o)).toThrow(DeviceError);
    expect(new OutputDevice({ ...o, planar: 'multi' }).formats).toEqual([fourcc('NM12')]);
  });
});

describe('what a guest plays', () => {
  it.each(['mmap', 'shared-pages'] as const)('arrives byte by byte, in order, out of buffers of kind %s', async (memory) => {
    const sink = new ToySink();
    const { driver, clock } = await guest(sink);
    const client = await OutputClient.open(driver, { memory, buffers: 3 });
    await client.configure(GREY);
    await client.start();
    for (let i = 0; i < 10; i++) {
      const written = client.write(frame(i));
      await settle();
      clock.advance(INTERVAL);
      await written;
    }
    await settle();
    expect(sink.frames.map(({ planes }) => planes[0]?.[100])).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(sink.frames.map(({ sequence }) => sequence)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(sink.frames.every(({ planes }, i) => planes[0]?.every((byte) => byte === i))).toBe(true);
    const back = await client.drain();
    expect(back.map(({ sequence }) => sequence)).toEqual([7, 8, 9]);
    expect(back[0]?.flags).toBe(V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC);
    await client.close();
    expect([sink.out, sink.playing]).toEqual([0, undefined]);
  });

  it('arrives plane by plane in the multi-planar API, from data_offset on', async () => {
    const sink = new ToySink();
    const { driver } = await guest(sink, { planar: 'multi' });
    const session = await driver.open();
    const format = await session.sFmt({
      type: OUTPUT_MPLANE,
      pixelformat: fourcc('NM12'),
      width: 64,
      height: 48,
      planes: [],
    });
    const sizes = format.planes.map(({ sizeImage }) => sizeImage);
    // Buffers with room for more than the picture.
    const roomy = { ...format, planes: sizes.map((size) => ({ bytesPerLine: 64, sizeImage: size + 256 })) };
    expect(await session.createBufs(roomy, 1)).toMatchObject({ count: 1 });
    const queried = await session.querybuf(OUTPUT_MPLANE, 0);
    for (const [i, plane] of queried.planes.entries()) {
      const mapping = await session.mmap(plane.memOffset, 'read-write');
      mapping.bytes.fill(0xee).fill(i + 1, 256);
    }
    const whole = sizes.map((size) => ({ bytesused: size + 256, dataOffset: 256 }));
    const late = sizes.map((size) => ({ bytesused: size + 255, dataOffset: 256 }));
    await session.streamon(OUTPUT_MPLANE);
    expect(await errnoOf(session.qbuf({ index: 0, type: OUTPUT_MPLANE, planes: late }))).toBe(Errno.EINVAL);
    await session.qbuf({ index: 0, type: OUTPUT_MPLANE, planes: whole });
    await session.dqbuf(OUTPUT_MPLANE);
    expect(sink.frames[0]?.planes.map((bytes) => [bytes.length, Math.min(...bytes), Math.max(...bytes)])).toEqual([
      [64 * 48, 1, 1],
      [64 * 24, 2, 2],
    ]);
  });

  it('is taken at the rate of the frame interval, however fast it is written', async () => {
    const sink = new ToySink();
    const { driver, clock } = await guest(sink);
    const client = await OutputClient.open(driver, { buffers: 8 });
    await client.configure({ ...GREY, interval: { numerator: 1, denominator: 10 } });
    const start = clock.now();
    await client.start();
    for (let i = 0; i < 8; i++) await client.write(frame(i));
    await settle();
    expect(sink.frames).toHaveLength(1);
    clock.advance(99_999);
    await settle();
    expect(sink.frames).toHaveLength(1);
    for (let i = 0; i < 3; i++) {
      clock.advance(100_000);
      await settle();
    }
    expect(sink.frames.map(({ timestamp }) => timestamp - start)).toEqual([0, 100_000, 200_000, 300_000]);
    await client.stop();
    expect(clock.pending).toBe(0);
    clock.advance(1_000_000);
    await settle();
    expect(sink.frames).toHaveLength(4);
  });

  it('keeps the rate where a frame is a little late, and begins a new count where one is late by more than an interval', async () => {
    const sink = new ToySink();
    const { driver, clock } = await guest(sink);
    const client = await OutputClient.open(driver);
    await client.configure({ ...GREY, interval: { numerator: 1, denominator: 10 } });
    const start = clock.now();
    await client.start();
    for (const wait of [0, 120_000, 60_000, 500_000, 10_000]) {
      clock.advance(wait);
      await client.write(frame(0));
      await settle();
    }
    clock.advance(90_000);
    await settle();
    expect(sink.frames.map(({ timestamp }) => timestamp - start)).toEqual([0, 100_000, 200_000, 680_000, 780_000]);
  });

  it('goes back to the guest where nobody wants it', async () => {
    const sink = new ToySink();
    sink.wants = false;
    const { driver } = await guest(sink);
    const client = await OutputClient.open(driver, { buffers: 1 });
    await client.configure(GREY);
    await client.start();
    await client.write(frame(1));
    expect(await client.drain()).toMatchObject([{ error: false, sequence: 0 }]);
    expect([sink.frames.length, sink.out]).toEqual([0, 0]);
  });

  it('comes back with the error flag where its memory is not there, and the next is played', async () => {
    const sink = new ToySink();
    let fails = true;
    const { driver, clock } = await guest(sink, {}, (access) => ({
      fetch: async (from, to) => !fails && access.fetch(from, to),
    }));
    const client = await OutputClient.open(driver, { buffers: 1 });
    await client.configure(GREY);
    await client.start();
    await client.write(frame(1));
    expect(await client.drain()).toMatchObject([{ error: true }]);
    fails = false;
    await client.write(frame(2));
    await settle();
    clock.advance(INTERVAL);
    const [back] = await client.drain();
    expect((back?.flags ?? 0) & V4L2_BUF_FLAG_ERROR).toBe(0);
    expect([sink.frames.length, sink.abandoned, sink.out]).toEqual([1, 1, 0]);
  });

  it('waits while the device is stopped, and goes on with it', async () => {
    const sink = new ToySink();
    const gate = { open: false };
    const { driver, clock } = await guest(sink, {}, () => ({
      get open() {
        return gate.open;
      },
    }));
    const client = await OutputClient.open(driver);
    await client.configure(GREY);
    await client.start();
    await client.write(frame(1));
    clock.advance(10 * INTERVAL);
    await settle();
    expect(sink.frames).toHaveLength(0);
    gate.open = true;
    clock.advance(INTERVAL);
    await settle();
    expect(sink.frames).toHaveLength(1);
  });

  it('P8: STREAMOFF waits for the copy that runs, and plays nothing after it', async () => {
    const sink = new ToySink();
    let end: (done: boolean) => void = () => {};
    const { driver } = await guest(sink, {}, () => ({ fetch: () => new Promise<boolean>((resolve) => (end = resolve)) }));
    const client = await OutputClient.open(driver);
    await client.configure(GREY);
    await client.start();
    await client.write(frame(1));
    await client.write(frame(2));
    let stopped = false;
    const stopping = client.session.streamoff(OUTPUT).then(() => {
      stopped = true;
    });
    await settle();
    expect(stopped).toBe(false);
    end(true);
    await stopping;
    expect([sink.out, sink.frames.length]).toEqual([0, 1]);
  });
});

describe('one who plays', () => {
  it('owns the output: other sessions and other guests get EBUSY, and may play when it has stopped', async () => {
    const sink = new ToySink();
    const here = await guest(sink);
    const there = await guest(sink);
    const [one, two] = [await OutputClient.open(here.driver), await OutputClient.open(here.driver)];
    const other = await OutputClient.open(there.driver);
    await one.start();
    expect(await errnoOf(two.start())).toBe(Errno.EBUSY);
    expect(await errnoOf(two.configure(GREY))).toBe(Errno.EBUSY);
    expect(await errnoOf(other.start())).toBe(Errno.EBUSY);
    expect(await errnoOf(one.session.sParm(OUTPUT, { numerator: 1, denominator: 5 }))).toBe(Errno.EBUSY);
    await one.stop();
    await two.start();
    await two.close();
    await other.start();
  });

  it('P19: is told EINVAL for buffers with half a picture, too much data, or fields that come one by one', async () => {
    const { driver } = await guest(new ToySink());
    const session = await driver.open();
    const format = await session.sFmt({ type: OUTPUT, ...GREY, planes: [] });
    await BufferSet.create(session, format, 2, 'mmap', 'read-write');
    const queue = (bytesused: number, field = V4L2_FIELD_NONE) =>
      errnoOf(session.qbuf({ index: 0, type: OUTPUT, field, planes: [{ bytesused }] }));
    expect(await queue(64 * 48 - 1)).toBe(Errno.EINVAL);
    expect(await queue(64 * 48 + 1)).toBe(Errno.EINVAL);
    expect(await queue(0xffff_ffff)).toBe(Errno.EINVAL);
    expect(await queue(64 * 48, V4L2_FIELD_ALTERNATE)).toBe(Errno.EINVAL);
    await session.streamon(OUTPUT);
    // Any other field is taken for what the format has, as a display does that knows only that.
    await session.qbuf({ index: 0, type: OUTPUT, field: V4L2_FIELD_INTERLACED, planes: [{ bytesused: 64 * 48 }] });
    expect(await session.dqbuf(OUTPUT)).toMatchObject({ field: V4L2_FIELD_NONE });
  });

  it('can start and stop a thousand times, and nothing is left of it', async () => {
    const sink = new ToySink();
    const { driver, clock } = await guest(sink);
    const session = await driver.open();
    const format = await session.sFmt({ type: OUTPUT, ...GREY, planes: [] });
    const buffers = await BufferSet.create(session, format, 2, 'mmap', 'read-write');
    for (let i = 0; i < 1000; i++) {
      await session.streamon(OUTPUT);
      await buffers.queue(0, { bytesused: [64 * 48] });
      await buffers.queue(1, { bytesused: [64 * 48] });
      await session.streamoff(OUTPUT);
    }
    expect([sink.starts, sink.out, sink.playing, clock.pending]).toEqual([1000, 0, undefined, 0]);
  });

  it('leaves format and interval as they were at first to the next driver', async () => {
    const { driver, device } = await guest(new ToySink());
    const client = await OutputClient.open(driver);
    await client.configure({ ...GREY, interval: { numerator: 1, denominator: 5 } });
    device.reset();
    expect(await client.configure()).toMatchObject({
      layout: { fourcc: fourcc('NV12') },
      interval: { numerator: 1, denominator: 30 },
    });
  });
});
