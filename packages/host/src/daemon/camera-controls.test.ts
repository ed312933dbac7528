// SPDX-License-Identifier: Apache-2.0
/** Whose the controls of a camera are, as the guests of a daemon find them. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  CaptureClient,
  Errno,
  MediaDriver,
  SharedSource,
  SourceControls,
  V4L2_CID_BRIGHTNESS,
  V4L2_CTRL_FLAG_GRABBED,
  V4L2_CTRL_FLAG_READ_ONLY,
  V4L2_CTRL_FLAG_SLIDER,
  V4L2_EVENT_CTRL,
  V4L2_EVENT_CTRL_CH_FLAGS,
  V4L2_EVENT_CTRL_CH_VALUE,
} from '@paravideo/core';
import { errnoOf, ToyCapture } from '@paravideo/core/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { connectFrontend } from '../frontend/index.ts';
import { SOURCE_ADAPTERS, type SourceAdapter } from '../sources/index.ts';
import { CameraControls, ConfiguredSource } from './camera-controls.ts';
import { ConfigError } from './config-error.ts';
import { Daemon } from './daemon.ts';
import { checkConfig } from './load-config.ts';
import { createLogger } from './logger.ts';

const cleanups: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const log = createLogger('silent');

const controls = () =>
  new SourceControls([
    { id: V4L2_CID_BRIGHTNESS, type: 'integer', name: 'Brightness', minimum: 0, maximum: 255, step: 1, default: 128 },
  ]);
/** A camera with one set of controls for all. */
const webcam: SourceAdapter = { kind: 'webcam', open: () => Object.assign(new ToyCapture(), { controls: controls() }) };

/** Two guests at a camera of a daemon. */
async function guests(source: string, policy?: string, set?: Record<string, number | boolean>) {
  const folder = mkdtempSync(join(tmpdir(), 'pv-controls-'));
  cleanups.push(() => rmSync(folder, { recursive: true }));
  const socket = [join(folder, 'a'), join(folder, 'b')];
  const camera = { kind: 'camera', name: 'camera', source: 'it', socket, size: '160x120', sizes: 'ranges' };
  const config = checkConfig(
    {
      sources: { it: { [source]: null } },
      devices: [{ ...camera, ...(source === 'webcam' && { size: '64x48' }), controls: policy, set }],
    },
    { adapters: [webcam, ...SOURCE_ADAPTERS] },
  );
  const daemon = await Daemon.start(config, log);
  cleanups.push(() => daemon[Symbol.asyncDispose]());
  const connect = async (path: string) => {
    const frontend = await connectFrontend(path, { memoryBytes: 2 << 20 });
    cleanups.push(() => frontend.close());
    return { frontend, camera: await CaptureClient.open(await MediaDriver.attach(frontend)) };
  };
  return Promise.all(socket.map(connect));
}

/** The mean of the luma of the next frame. */
async function luma(camera: CaptureClient): Promise<number> {
  const { planes, layout } = await camera.next();
  const pixels = planes[0]?.subarray(0, layout.width * layout.height) ?? new Uint8Array(0);
  return pixels.reduce((sum, value) => sum + value, 0) / pixels.length;
}

describe('the controls of a camera', () => {
  it('belong to each guest where the source can: those of the test pattern, unless told otherwise', async () => {
    const [a, b] = await guests('pattern');
    if (a === undefined || b === undefined) expect.unreachable('there are two guests');
    for (const { camera } of [a, b]) {
      await camera.configure();
      await camera.start();
    }
    const before = await luma(b.camera);
    await a.camera.setControl(V4L2_CID_BRIGHTNESS, 255);
    expect(await b.camera.control(V4L2_CID_BRIGHTNESS)).toBe(128);
    await expect.poll(() => luma(a.camera), { interval: 0 }).toBeGreaterThan(before + 40);
    // The frames that the other guest gets from then on are those of before.
    for (let i = 0; i < 3; i++) expect(Math.abs((await luma(b.camera)) - before)).toBeLessThan(10);
    await a.camera.close();
    await b.camera.close();
  });

  it('belong to all guests where the configuration shares them', async () => {
    const [a, b] = await guests('pattern', 'shared');
    await a?.camera.setControl(V4L2_CID_BRIGHTNESS, 7);
    expect(await b?.camera.control(V4L2_CID_BRIGHTNESS)).toBe(7);
  });

  it.each([
    ['pattern', 'locked'],
    ['webcam', undefined],
  ])('of a %s (%s) belong to the first guest that sets one, until it is gone', async (source, policy) => {
    const [a, b] = await guests(source, policy);
    if (a === undefined || b === undefined) expect.unreachable('there are two guests');
    await a.camera.setControl(V4L2_CID_BRIGHTNESS, 7);
    expect(await errnoOf(b.camera.setControl(V4L2_CID_BRIGHTNESS, 9))).toBe(Errno.EBUSY);
    expect(await b.camera.control(V4L2_CID_BRIGHTNESS)).toBe(7);
    expect(await a.camera.session.queryctrl(V4L2_CID_BRIGHTNESS)).toMatchObject({ flags: V4L2_CTRL_FLAG_SLIDER });
    const grabbed = { flags: V4L2_CTRL_FLAG_SLIDER | V4L2_CTRL_FLAG_GRABBED };
    expect(await b.camera.session.queryctrl(V4L2_CID_BRIGHTNESS)).toMatchObject(grabbed);
    await b.camera.session.subscribeEvent(V4L2_EVENT_CTRL, V4L2_CID_BRIGHTNESS);
    await a.frontend.close();
    // What it set becomes the default again, and then it lets go.
    expect(await b.camera.session.nextEvent()).toMatchObject({ control: { changes: V4L2_EVENT_CTRL_CH_VALUE, value: 128 } });
    expect(await b.camera.session.nextEvent()).toMatchObject({
      control: { changes: V4L2_EVENT_CTRL_CH_FLAGS, flags: V4L2_CTRL_FLAG_SLIDER },
    });
    await expect.poll(() => errnoOf(b.camera.setControl(V4L2_CID_BRIGHTNESS, 9))).toBe(0);
  });

  it('cannot belong to each guest where the source has one set for all, which a configuration is told that asks for it', async () => {
    await using source = new ConfiguredSource(new SharedSource(Object.assign(new ToyCapture(), { controls: controls() })));
    expect(() => new CameraControls(source, { controls: 'each' }, 'devices[0]', log)).toThrow(ConfigError);
    expect(new CameraControls(source, {}, 'devices[0]', log).policy).toBe('locked');
    await using plain = new ConfiguredSource(new SharedSource(new ToyCapture()));
    expect(new CameraControls(plain, { controls: 'each' }, 'devices[0]', log).policy).toBe('each');
  });

  it.each(['pattern', 'webcam'])('of a %s belong to nobody in a guest where they are fixed', async (source) => {
    const [a, b] = await guests(source, 'fixed', { brightness: 200 });
    for (const camera of [a?.camera, b?.camera]) {
      expect(await camera?.control(V4L2_CID_BRIGHTNESS)).toBe(200);
      expect(await camera?.session.queryctrl(V4L2_CID_BRIGHTNESS)).toMatchObject({
        flags: V4L2_CTRL_FLAG_SLIDER | V4L2_CTRL_FLAG_READ_ONLY,
        defaultValue: 128,
      });
      expect(await errnoOf(camera?.setControl(V4L2_CID_BRIGHTNESS, 9) ?? Promise.resolve())).toBe(Errno.EACCES);
      expect((await camera?.session.sExtCtrls([{ id: V4L2_CID_BRIGHTNESS, value: 9 }]))?.errno).toBe(Errno.EACCES);
      expect(await camera?.control(V4L2_CID_BRIGHTNESS)).toBe(200);
    }
  });

  it('show in the picture of the cameras alone whose configuration gives them values', async () => {
    const mean = async (policy?: string, set?: Record<string, number>): Promise<number> => {
      const [guest] = await guests('pattern', policy, set);
      if (guest === undefined) expect.unreachable('there is a guest');
      await guest.camera.configure();
      await guest.camera.start();
      return luma(guest.camera);
    };
    expect(await mean('fixed', { brightness: 255 })).toBeGreaterThan((await mean('fixed')) + 40);
  });
});
