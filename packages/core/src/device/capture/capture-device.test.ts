// SPDX-License-Identifier: Apache-2.0
/** The camera through the whole protocol: the TypeScript driver on one side, a `SolidSource` on the other. */

import { afterEach, describe, expect, it } from 'vitest';
import { CaptureClient } from '../../driver/index.ts';
import { fourcc } from '../../picture/index.ts';
import { errnoOf, ManualClock, SolidSource, solidPlanes, TestCameras } from '../../testing/index.ts';
import {
  V4L2_BUF_TYPE_VIDEO_CAPTURE as CAPTURE,
  V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE as CAPTURE_MPLANE,
  Errno,
  V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC,
  V4L2_CAP_STREAMING,
  V4L2_CAP_TIMEPERFRAME,
  V4L2_CAP_VIDEO_CAPTURE,
  V4L2_COLORSPACE_SRGB,
  V4L2_FIELD_ANY,
  V4L2_FIELD_NONE,
  V4L2_INPUT_TYPE_CAMERA,
  V4L2_MEMORY_USERPTR,
  VIDIOC_DQBUF,
  VIDIOC_EXPBUF,
  VIDIOC_G_OUTPUT,
  VIDIOC_G_PRIORITY,
  VIDIOC_G_STD,
  VIDIOC_QUERYCAP,
  v4l2_streamparm,
} from '../../wire/index.ts';
import { DeviceError } from '../framework/device-error.ts';
import { CaptureDevice } from './capture-device.ts';

const cameras = new TestCameras();
const { guest } = cameras;
afterEach(async () => expect(await cameras.close()).toEqual([]));

describe('a camera', () => {
  it('P15: says what it is in the configuration space', async () => {
    const { driver } = await guest(new SolidSource({ card: 'Solid' }));
    expect(driver.config).toMatchObject({
      deviceCaps: V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING,
      deviceType: 0,
      card: 'Solid',
    });
  });

  it.each([VIDIOC_QUERYCAP, VIDIOC_DQBUF, VIDIOC_EXPBUF, VIDIOC_G_STD, VIDIOC_G_OUTPUT, VIDIOC_G_PRIORITY, 255])(
    'VM-D4, VM-DX3: answers ENOTTY to ioctl %i',
    async (nr) => {
      const { driver } = await guest(new SolidSource());
      const session = await driver.open();
      expect((await session.ioctl(nr, new Uint8Array(128))).errno).toBe(Errno.ENOTTY);
    },
  );

  it('refuses to be made of a source without a format that its API can carry', async () => {
    const source = new SolidSource({ formats: [fourcc('NM12')] });
    const o = {
      source,
      buffers: { allocate: () => undefined, settled: () => undefined, allocated: 0 },
      clock: new ManualClock(),
    };
    const access = { open: true, store: async () => true, load: async () => true, fetch: async () => true };
    expect(() => new CaptureDevice({ ...o, access })).toThrow(DeviceError);
    expect(new CaptureDevice({ ...o, access, planar: 'multi' }).formats).toEqual([fourcc('NM12')]);
  });

  it('has one input, a camera', async () => {
    const { driver } = await guest(new SolidSource());
    const session = await driver.open();
    expect(await session.enumInput(0)).toMatchObject({ name: 'Solid', type: V4L2_INPUT_TYPE_CAMERA, status: 0 });
    expect(await session.enumInput(1)).toBeUndefined();
    expect(await session.gInput()).toBe(0);
    await session.sInput(0);
    expect(await errnoOf(session.sInput(1))).toBe(Errno.EINVAL);
  });

  it('limits its sessions with EMFILE (P19)', async () => {
    const { driver } = await guest(new SolidSource(), { limits: { sessions: 2 } });
    const first = await driver.open();
    await driver.open();
    expect(await errnoOf(driver.open())).toBe(Errno.EMFILE);
    await first.close();
    await driver.open();
  });
});

describe('a camera that is asked for formats', () => {
  it('enumerates those that its API can carry, and none for other types', async () => {
    const { driver } = await guest(new SolidSource());
    const session = await driver.open();
    const found: number[] = [];
    for (let i = 0; ; i++) {
      const format = await session.enumFmt(CAPTURE, i);
      if (format === undefined) break;
      found.push(format.pixelformat);
    }
    expect(found).toEqual([fourcc('NV12'), fourcc('YUYV'), fourcc('GREY')]);
    for (const type of [0, 2, CAPTURE_MPLANE, 0xffff_ffff]) expect(await session.enumFmt(type, 0)).toBeUndefined();
  });

  it('enumerates sizes and intervals, and refuses sizes that it does not have', async () => {
    const { driver } = await guest(new SolidSource());
    const session = await driver.open();
    expect(await session.enumFramesizes(fourcc('NV12'), 1)).toEqual({ kind: 'discrete', width: 128, height: 96 });
    expect(await session.enumFramesizes(fourcc('NV12'), 2)).toBeUndefined();
    expect(await session.enumFramesizes(fourcc('NM12'), 0)).toBeUndefined();
    expect(await session.enumFrameintervals(fourcc('NV12'), 64, 48, 1)).toMatchObject({ kind: 'discrete' });
    expect(await session.enumFrameintervals(fourcc('NV12'), 65, 48, 0)).toBeUndefined();
    expect(await session.enumFrameintervals(fourcc('RGB3'), 64, 48, 0)).toBeUndefined();
  });

  it('answers with the nearest, answers TRY_FMT the same twice, and changes nothing by it', async () => {
    const { driver } = await guest(new SolidSource());
    const session = await driver.open();
    const asked = {
      type: CAPTURE,
      width: 10_000,
      height: 10_000,
      pixelformat: 0x12345678,
      field: V4L2_FIELD_ANY,
      colorspace: 99,
    };
    const tried = await session.tryFmt(asked);
    expect(tried).toMatchObject({ width: 128, height: 96, pixelformat: fourcc('NV12'), field: V4L2_FIELD_NONE });
    expect(tried.colorspace).toBe(V4L2_COLORSPACE_SRGB);
    expect(await session.tryFmt(tried)).toEqual(tried);
    expect(await session.gFmt(CAPTURE)).toMatchObject({ width: 64, height: 48 });
    expect(await session.sFmt(asked)).toEqual(tried);
    expect(await session.gFmt(CAPTURE)).toEqual(tried);
  });

  it('honours a longer line', async () => {
    const { driver } = await guest(new SolidSource());
    const session = await driver.open();
    const planes = [{ bytesPerLine: 256, sizeImage: 0 }];
    const format = await session.sFmt({ type: CAPTURE, width: 64, height: 48, pixelformat: fourcc('YUYV'), planes });
    expect(format.planes).toEqual([{ bytesPerLine: 256, sizeImage: 256 * 48 }]);
  });

  it.each([CAPTURE_MPLANE, 2, 0, 0x80])('refuses formats of type %i with EINVAL', async (type) => {
    const { driver } = await guest(new SolidSource());
    const session = await driver.open();
    expect(await errnoOf(session.gFmt(type))).toBe(Errno.EINVAL);
    expect(await errnoOf(session.tryFmt({ type }))).toBe(Errno.EINVAL);
    expect(await errnoOf(session.sFmt({ type }))).toBe(Errno.EINVAL);
  });

  it('sets the nearest interval, and the default where one of its numbers is 0', async () => {
    const { driver } = await guest(new SolidSource());
    const session = await driver.open();
    expect(await session.gParm(CAPTURE)).toEqual({
      capability: V4L2_CAP_TIMEPERFRAME,
      timeperframe: { numerator: 1, denominator: 30 },
      buffers: 0,
    });
    expect((await session.sParm(CAPTURE, { numerator: 1, denominator: 500 })).timeperframe.denominator).toBe(60);
    expect((await session.sParm(CAPTURE, { numerator: 0, denominator: 0 })).timeperframe.denominator).toBe(30);
    expect((await session.sParm(CAPTURE, { numerator: 1, denominator: 0 })).timeperframe.denominator).toBe(30);
    expect(await errnoOf(session.gParm(2))).toBe(Errno.EINVAL);
    const dirty = new Uint8Array(v4l2_streamparm.size).fill(0xff);
    new DataView(dirty.buffer).setUint32(0, CAPTURE, true);
    expect((await session.ioctl(21, dirty)).errno).toBe(0);
  });
});

describe('a camera that streams', () => {
  it('delivers frames into mapped buffers, with sequence, timestamp and flags', async () => {
    const source = new SolidSource();
    const { driver, transport } = await guest(source);
    const client = await CaptureClient.open(driver);
    const { layout } = await client.configure({ pixelformat: fourcc('YUYV'), width: 128, height: 96 });
    source.tick();
    await client.start();
    for (let i = 0; i < 10; i++) {
      const sequence = source.tick();
      const frame = await client.next();
      expect(frame.planes.map((plane) => plane.slice())).toEqual(solidPlanes(layout, sequence));
      expect(frame).toMatchObject({
        sequence: i,
        timestamp: sequence * 1000,
        flags: V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC,
        error: false,
      });
    }
    await client.stop();
    expect([source.running, transport.arena.blocks]).toEqual([0, 0]);
    await client.close();
  });

  it('delivers into SHARED_PAGES buffers too', async () => {
    const source = new SolidSource();
    const { driver } = await guest(source);
    const client = await CaptureClient.open(driver, { memory: 'shared-pages' });
    const { layout } = await client.configure();
    await client.start();
    const sequence = source.tick();
    expect((await client.next()).planes.map((plane) => plane.slice())).toEqual(solidPlanes(layout, sequence));
    await client.close();
  });

  it('speaks the multi-planar API where it is asked to, with one buffer plane per colour plane', async () => {
    const source = new SolidSource();
    const { driver } = await guest(source, { planar: 'multi' });
    const client = await CaptureClient.open(driver);
    expect(client.type).toBe(CAPTURE_MPLANE);
    const { layout } = await client.configure({ pixelformat: fourcc('NM12') });
    expect(layout.sizes).toEqual([64 * 48, 64 * 24]);
    await client.start();
    const sequence = source.tick();
    expect((await client.next()).planes.map((plane) => plane.slice())).toEqual(solidPlanes(layout, sequence));
    await client.close();
  });

  it('drops frames that have no buffer, which shows as a gap, and starts over at 0 with STREAMON', async () => {
    const source = new SolidSource();
    const { driver } = await guest(source);
    const client = await CaptureClient.open(driver, { buffers: 1 });
    await client.configure();
    await client.start();
    source.tick();
    expect((await client.next()).sequence).toBe(0);
    for (let i = 0; i < 5; i++) source.tick();
    // Asking for the next frame gives the buffer back first; the device has it when QUERYBUF is answered.
    const next = client.next();
    await client.session.querybuf(CAPTURE, 0);
    source.tick();
    expect((await next).sequence).toBe(6);
    await client.stop();
    await client.start();
    source.tick();
    expect((await client.next()).sequence).toBe(0);
    await client.close();
  });

  it('keeps the order of frames when copies end out of order', async () => {
    const source = new SolidSource();
    const ends: (() => void)[] = [];
    const { driver } = await guest(source, {}, async (copy) => {
      const stored = await copy();
      await new Promise<void>((resolve) => ends.push(resolve));
      return stored;
    });
    const client = await CaptureClient.open(driver);
    await client.configure();
    await client.start();
    source.tick();
    source.tick();
    while (ends.length < 2) await client.session.gInput();
    ends[1]?.();
    await client.session.gInput();
    expect(client.session.tryDqbuf(CAPTURE)).toBeUndefined();
    ends[0]?.();
    expect([(await client.next()).sequence, (await client.session.dqbuf(CAPTURE)).sequence]).toEqual([0, 1]);
    await client.close();
  });

  it('P8: answers STREAMOFF only after the last copy has ended', async () => {
    const source = new SolidSource();
    let end = () => {};
    const { driver } = await guest(source, {}, async (copy) => {
      await new Promise<void>((resolve) => {
        end = resolve;
      });
      return copy();
    });
    const client = await CaptureClient.open(driver);
    await client.configure();
    await client.start();
    source.tick();
    const other = await driver.open();
    let stopped = false;
    const off = client.session.streamoff(CAPTURE).then(() => {
      stopped = true;
    });
    await other.gInput();
    expect(stopped).toBe(false);
    end();
    await off;
    await client.close();
  });

  it('marks a frame whose guest memory is not there, and goes on', async () => {
    const source = new SolidSource();
    let fail = true;
    const { driver } = await guest(source, {}, (copy) => (fail ? Promise.resolve(false) : copy()));
    const client = await CaptureClient.open(driver);
    await client.configure();
    await client.start();
    source.tick();
    const bad = await client.next();
    expect([bad.error, bad.planes[0]?.length]).toEqual([true, 0]);
    fail = false;
    source.tick();
    expect((await client.next()).error).toBe(false);
    await client.close();
  });
});

describe('several sessions of a camera', () => {
  it('may all look, but only the one that has buffers may stream, and S_FMT is EBUSY for all', async () => {
    const { driver } = await guest(new SolidSource());
    const [one, two] = [await driver.open(), await driver.open()];
    await one.reqbufs(CAPTURE, 2);
    const buffer = { index: 0, type: CAPTURE };
    expect(await errnoOf(two.reqbufs(CAPTURE, 1))).toBe(Errno.EBUSY);
    expect(await errnoOf(two.reqbufs(CAPTURE, 0))).toBe(Errno.EBUSY);
    expect(await errnoOf(two.createBufs(await two.gFmt(CAPTURE), 1))).toBe(Errno.EBUSY);
    expect(await errnoOf(two.createBufs(await two.gFmt(CAPTURE), 0))).toBe(0);
    expect(await errnoOf(two.qbuf(buffer))).toBe(Errno.EBUSY);
    expect(await errnoOf(two.streamon(CAPTURE))).toBe(Errno.EBUSY);
    expect(await errnoOf(two.streamoff(CAPTURE))).toBe(Errno.EBUSY);
    expect(await errnoOf(two.querybuf(CAPTURE, 0))).toBe(Errno.EINVAL);
    const format = await two.gFmt(CAPTURE);
    expect(await errnoOf(two.sFmt(format))).toBe(Errno.EBUSY);
    expect(await errnoOf(one.sFmt(format))).toBe(Errno.EBUSY);
    expect(await two.tryFmt(format)).toEqual(format);
    await one.reqbufs(CAPTURE, 0);
    await two.reqbufs(CAPTURE, 1);
    expect(await errnoOf(one.reqbufs(CAPTURE, 1))).toBe(Errno.EBUSY);
    await two.close();
    await one.reqbufs(CAPTURE, 1);
  });

  it('may set the interval unless one of them streams', async () => {
    const { driver } = await guest(new SolidSource());
    const [one, two] = [await driver.open(), await driver.open()];
    await one.reqbufs(CAPTURE, 1);
    await two.sParm(CAPTURE, { numerator: 1, denominator: 60 });
    await one.streamon(CAPTURE);
    expect(await errnoOf(two.sParm(CAPTURE, { numerator: 1, denominator: 30 }))).toBe(Errno.EBUSY);
  });

  it('stop the camera and free everything when the one that streams is closed', async () => {
    const source = new SolidSource();
    const { driver, transport } = await guest(source);
    const session = await driver.open();
    await session.reqbufs(CAPTURE, 4, V4L2_MEMORY_USERPTR);
    await session.reqbufs(CAPTURE, 4);
    await session.qbuf({ index: 0, type: CAPTURE });
    await session.streamon(CAPTURE);
    expect(source.running).toBe(1);
    await session.close();
    await (await driver.open()).gInput();
    expect([source.running, transport.arena.blocks]).toEqual([0, 0]);
  });
});
