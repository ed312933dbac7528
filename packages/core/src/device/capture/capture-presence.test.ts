// SPDX-License-Identifier: Apache-2.0
/** A camera whose source goes and comes, through the whole protocol. */

import { afterEach, describe, expect, it } from 'vitest';
import { CaptureClient } from '../../driver/index.ts';
import { SharedSource, SteadySource } from '../../source/index.ts';
import { errnoOf, ManualClock, SolidSource, TestCameras, ToyCapture, toyModes } from '../../testing/index.ts';
import {
  V4L2_BUF_TYPE_VIDEO_CAPTURE as CAPTURE,
  Errno,
  V4L2_BUF_FLAG_ERROR,
  V4L2_BUF_FLAG_QUEUED,
  V4L2_COLORSPACE_SMPTE170M,
  V4L2_EVENT_SOURCE_CHANGE,
  V4L2_IN_ST_NO_SIGNAL,
  V4L2_PIX_FMT_GREY,
} from '../../wire/index.ts';

const cameras = new TestCameras();
const { guest } = cameras;
afterEach(async () => expect(await cameras.close()).toEqual([]));

describe('a camera whose source may go away', () => {
  it('returns every buffer with ERROR when the camera is lost, answers EIO, and works again after STREAMOFF', async () => {
    const source = new SolidSource();
    const { driver } = await guest(source);
    const client = await CaptureClient.open(driver, { buffers: 3 });
    await client.configure();
    await client.start();
    source.unplug();
    for (let i = 0; i < 3; i++) expect((await client.session.dqbuf(CAPTURE)).flags & V4L2_BUF_FLAG_ERROR).not.toBe(0);
    expect(await errnoOf(client.session.qbuf({ index: 0, type: CAPTURE }))).toBe(Errno.EIO);
    expect(await errnoOf(client.session.streamon(CAPTURE))).toBe(Errno.EIO);
    await client.stop();
    source.plug();
    await client.start();
    source.tick();
    expect((await client.next()).error).toBe(false);
    await client.close();
  });

  it('stops watching its source when it is disposed of', async () => {
    const source = new SolidSource();
    const watch = source.watch.bind(source);
    let watchers = 0;
    source.watch = (listener) => {
      const watching = watch(listener);
      watchers += 1;
      return {
        [Symbol.dispose]: () => {
          watchers -= 1;
          watching[Symbol.dispose]();
        },
      };
    };
    const { device } = await guest(source);
    expect(watchers).toBe(1);
    await device[Symbol.asyncDispose]();
    expect(watchers).toBe(0);
  });

  it('answers ENODEV to STREAMON and S_FMT while the camera is away, and its input has no signal', async () => {
    const source = new SolidSource();
    const { driver } = await guest(source);
    const session = await driver.open();
    await session.reqbufs(CAPTURE, 1);
    await session.qbuf({ index: 0, type: CAPTURE });
    source.unplug();
    const format = await session.gFmt(CAPTURE);
    expect(await errnoOf(session.sFmt(format))).toBe(Errno.ENODEV);
    expect(await errnoOf(session.streamon(CAPTURE))).toBe(Errno.ENODEV);
    expect((await session.enumInput(0))?.status).toBe(V4L2_IN_ST_NO_SIGNAL);
    expect((await session.querybuf(CAPTURE, 0)).flags & V4L2_BUF_FLAG_QUEUED).not.toBe(0);
    source.plug();
    await session.streamon(CAPTURE);
    source.tick();
    expect((await session.dqbuf(CAPTURE)).sequence).toBe(0);
    expect((await session.enumInput(0))?.status).toBe(0);
  });
});

describe('a camera whose source comes back with other colours', () => {
  it('has them in its format as soon as nobody has buffers', async () => {
    const before = toyModes([V4L2_PIX_FMT_GREY], [64, 48]);
    const colorimetry = { ...before.colorimetry, colorspace: V4L2_COLORSPACE_SMPTE170M };
    const toy = new ToyCapture(before);
    const { driver } = await guest(new SharedSource(toy));
    const session = await driver.open();
    const colours = async () => (await session.gFmt(CAPTURE)).colorspace;
    await session.reqbufs(CAPTURE, 1);
    toy.vanish();
    toy.appear({ ...before, colorimetry });
    expect(await colours()).toBe(before.colorimetry.colorspace);
    await session.reqbufs(CAPTURE, 0);
    expect(await colours()).toBe(V4L2_COLORSPACE_SMPTE170M);
    toy.vanish();
    toy.appear(before);
    expect(await colours()).toBe(before.colorimetry.colorspace);
  });
});

describe('a camera that stays there while its source is away', () => {
  it('streams on without a signal, which its input says, and tells each change of that by SOURCE_CHANGE', async () => {
    const [toy, sign] = [
      new ToyCapture(toyModes([V4L2_PIX_FMT_GREY], [64, 48])),
      new ToyCapture(toyModes([V4L2_PIX_FMT_GREY], [64, 48])),
    ];
    const standIn = new SharedSource(sign);
    const clock = new ManualClock();
    const source = new SteadySource(new SharedSource(toy), { standIn, clock, expected: sign.modes });
    const { driver } = await guest(source);
    const client = await CaptureClient.open(driver, { buffers: 3 });
    await client.session.subscribeEvent(V4L2_EVENT_SOURCE_CHANGE);
    await client.configure();
    await client.start();
    const next = async (from: ToyCapture, value: number) => {
      from.push(new Uint8Array(64 * 48).fill(value));
      const { planes, error, sequence } = await client.next();
      return [planes[0]?.[0], error, sequence];
    };
    expect(await next(toy, 1)).toEqual([1, false, 0]);
    toy.vanish();
    expect((await client.session.enumInput(0))?.status).toBe(V4L2_IN_ST_NO_SIGNAL);
    expect(await next(sign, 9)).toEqual([9, false, 1]);
    // Whoever stops in the middle can begin again.
    await client.stop();
    await client.start();
    expect(await next(sign, 9)).toEqual([9, false, 0]);
    toy.appear();
    expect((await client.session.enumInput(0))?.status).toBe(0);
    expect(await next(toy, 2)).toEqual([2, false, 1]);
    for (let i = 0; i < 2; i++) expect((await client.session.nextEvent()).type).toBe(V4L2_EVENT_SOURCE_CHANGE);
    await client.close();
    await source[Symbol.asyncDispose]();
  });
});
