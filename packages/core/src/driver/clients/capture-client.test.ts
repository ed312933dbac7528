// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { CaptureDevice } from '../../device/capture/capture-device.ts';
import { ManualClock } from '../../testing/manual-clock.ts';
import { mediaTransport } from '../../testing/media-transport.ts';
import { SolidSource, solidPlanes } from '../../testing/solid-source.ts';
import { Errno } from '../../wire/errno.gen.ts';
import { V4L2_CID_BRIGHTNESS, V4L2_PIX_FMT_GREY, V4L2_PIX_FMT_NV12M } from '../../wire/v4l2/videodev2-constants.gen.ts';
import { MediaDriver } from '../media/media-driver.ts';
import { CaptureClient, type CaptureClientOptions } from './capture-client.ts';

async function rig(o: CaptureClientOptions = {}, planar: 'single' | 'multi' = 'single') {
  const clock = new ManualClock();
  const source = new SolidSource({ clock });
  const transport = mediaTransport({
    device: ({ arena, access }) => new CaptureDevice({ source, buffers: arena, access, clock, planar }),
  });
  const driver = await MediaDriver.attach(transport);
  const client = await CaptureClient.open(driver, o);
  /** The next frame, with the camera ticking until it is there. */
  const frame = async () => {
    const state = { done: false };
    const asked = client.next().finally(() => {
      state.done = true;
    });
    asked.catch(() => {});
    for (let i = 0; i < 100 && !state.done; i++) {
      source.tick();
      clock.advance(33_333);
      for (let k = 0; k < 30; k++) await Promise.resolve();
    }
    return asked;
  };
  return { transport, source, driver, client, frame, clock };
}

const same = (a: readonly Uint8Array[], b: readonly Uint8Array[]): boolean =>
  a.length === b.length && a.every((plane, i) => plane.length === b[i]?.length && plane.every((v, at) => v === b[i]?.[at]));

describe('CaptureClient', () => {
  for (const memory of ['mmap', 'shared-pages'] as const) {
    it(`takes 50 frames with the camera's bytes, buffers in ${memory}`, async () => {
      const { client, frame, transport } = await rig({ memory });
      await client.configure({ width: 128, height: 96, interval: { numerator: 1, denominator: 60 } });
      await client.start();
      let last = -1;
      for (let i = 0; i < 50; i++) {
        const { planes, layout, sequence, timestamp } = await frame();
        const number = new DataView(planes[0]?.buffer as ArrayBuffer, planes[0]?.byteOffset).getUint32(0, true);
        expect(same(planes, solidPlanes(layout, number))).toBe(true);
        expect(sequence).toBeGreaterThan(last);
        expect(timestamp).toBeGreaterThan(0);
        last = sequence;
      }
      await client.stop();
      await client.close();
      expect([transport.arena.blocks, transport.window.mappings, transport.bugs]).toEqual([0, 0, []]);
    });
  }

  it('uses the multi-planar API where the device has no other', async () => {
    const { client, frame } = await rig({}, 'multi');
    const { layout } = await client.configure({ pixelformat: V4L2_PIX_FMT_NV12M });
    expect(layout.sizes).toHaveLength(2);
    await client.start();
    expect((await frame()).planes.map((p) => p.length)).toEqual(layout.sizes);
    await client.close();
  });

  it('reports what the device made of a request that it cannot meet', async () => {
    const { client } = await rig();
    const { layout, interval } = await client.configure({
      pixelformat: V4L2_PIX_FMT_GREY,
      width: 5000,
      height: 5000,
      interval: { numerator: 1, denominator: 1000 },
    });
    expect([layout.fourcc, layout.width, layout.height]).toEqual([V4L2_PIX_FMT_GREY, 128, 96]);
    expect(interval).toEqual({ numerator: 1, denominator: 60 });
  });

  it('controls act on the frames that follow', async () => {
    const { client, frame } = await rig();
    await client.start();
    const { layout } = await frame();
    expect(await client.setControl(V4L2_CID_BRIGHTNESS, 7)).toBe(7);
    expect(await client.control(V4L2_CID_BRIGHTNESS)).toBe(7);
    // Frames that were captured before the change may still be on their way.
    for (let i = 0; i < 5; i++) await frame();
    const { planes } = await frame();
    const number = new DataView(planes[0]?.buffer as ArrayBuffer, planes[0]?.byteOffset).getUint32(0, true);
    expect(planes[0]?.slice()).toEqual(solidPlanes(layout, number, 7)[0]);
  });

  it('is told when the camera goes, though it has taken every frame that was there', async () => {
    const { client, frame, source } = await rig({ buffers: 2 });
    await client.configure({ width: 128, height: 96 });
    await client.start();
    await frame();
    source.tick();
    for (let k = 0; k < 100; k++) await Promise.resolve();
    source.unplug();
    const taken = client.next();
    await expect(taken.then(() => client.next())).rejects.toThrow('VIDIOC_QBUF: EIO');
    await client.close();
  });

  it('starts anew after a camera that went, though it was told so when it had stopped', async () => {
    const { client, frame, source } = await rig();
    await client.start();
    await frame();
    source.unplug();
    // The buffer of the frame before is on its way back when the stop is asked for, and is refused.
    const last = client.next();
    const stopped = client.stop();
    await last.catch(() => {});
    await stopped;
    source.plug();
    await client.start();
    expect((await frame()).error).toBe(false);
    await client.close();
  });

  it('can be stopped after a start that was refused, so that another format can be set, or started again', async () => {
    const { client, source, frame } = await rig();
    source.unplug();
    await expect(client.start()).rejects.toThrow('VIDIOC_STREAMON: ENODEV');
    await expect(client.start()).rejects.toThrow('VIDIOC_STREAMON: ENODEV');
    await client.stop();
    source.plug();
    await client.configure({ width: 64, height: 48 });
    await client.start();
    expect((await frame()).layout.width).toBe(64);
    await client.close();
  });

  it('can be stopped and started again; a stopped one gives no frame', async () => {
    const { client, frame } = await rig();
    for (let round = 0; round < 3; round++) {
      await client.start();
      await frame();
      await client.stop();
      await expect(client.next()).rejects.toMatchObject({ errno: Errno.EINVAL });
    }
    await client.close();
  });
});
