// SPDX-License-Identifier: Apache-2.0
/** Guests of a daemon at a camera that brings one layout alone. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CaptureClient, MediaDriver, V4L2_PIX_FMT_NV12, V4L2_PIX_FMT_RGB24, V4L2_PIX_FMT_YUYV } from '@paravideo/core';
import { ToyCapture, toyModes } from '@paravideo/core/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { connectFrontend } from '../frontend/index.ts';
import { Daemon } from './daemon.ts';
import { checkConfig } from './load-config.ts';
import { createLogger } from './logger.ts';

const cleanups: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

describe('a camera that brings one layout alone', () => {
  it('is there for guests that want others, in formats and sizes of a list, from one start of the capture', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'pv-conversion-'));
    cleanups.push(() => rmSync(folder, { recursive: true }));
    const toy = new ToyCapture(toyModes([V4L2_PIX_FMT_RGB24], [320, 240]));
    const socket = ['a', 'b', 'c'].map((name) => join(folder, name));
    const config = checkConfig(
      { sources: { toy: { toy: null } }, devices: [{ kind: 'camera', name: 'camera', socket, source: 'toy' }] },
      { adapters: [{ kind: 'toy', open: () => toy }] },
    );
    const daemon = await Daemon.start(config, createLogger('silent'));
    cleanups.push(() => daemon[Symbol.asyncDispose]());
    const red = new Uint8Array(320 * 240 * 3);
    for (let i = 0; i < red.length; i += 3) red[i] = 255;
    const wanted = [
      { fourcc: V4L2_PIX_FMT_RGB24, width: 320, height: 240 },
      { fourcc: V4L2_PIX_FMT_YUYV, width: 320, height: 240 },
      { fourcc: V4L2_PIX_FMT_NV12, width: 160, height: 120 },
    ];
    const cameras: CaptureClient[] = [];
    for (const [i, format] of wanted.entries()) {
      const frontend = await connectFrontend(socket[i] ?? '', { memoryBytes: 2 << 20 });
      cleanups.push(() => frontend.close());
      const camera = await CaptureClient.open(await MediaDriver.attach(frontend));
      const { fourcc: pixelformat, width, height } = format;
      expect((await camera.configure({ pixelformat, width, height })).layout).toMatchObject(format);
      await camera.start();
      cameras.push(camera);
    }
    const frames = cameras.map((camera) => camera.next());
    let came = 0;
    for (const frame of frames) {
      void frame.then(() => {
        came += 1;
      });
    }
    const another = (): number => {
      if (came < frames.length) toy.push(red);
      return came;
    };
    // The thread takes its time to start.
    await expect.poll(another, { timeout: 10_000 }).toBe(frames.length);
    const [rgb, yuyv, nv12] = (await Promise.all(frames)).map(({ planes }) => planes[0]);
    expect([...(rgb?.subarray(0, 3) ?? [])]).toEqual([255, 0, 0]);
    const near = (bytes: Uint8Array | undefined, at: number, expected: readonly number[]): void => {
      for (const [i, value] of expected.entries()) expect(Math.abs((bytes?.[at + i] ?? -99) - value)).toBeLessThan(4);
    };
    near(yuyv, 1000, [81, 90, 81, 240]);
    near(nv12, 1000, [81, 81]);
    near(nv12, 160 * 120 + 1000, [90, 240]);
    expect(toy.starts).toBe(1);
    for (const camera of cameras) await camera.close();
    expect(toy.running).toBeUndefined();
    await expect.poll(() => toy.out).toBe(0);
  });
});
