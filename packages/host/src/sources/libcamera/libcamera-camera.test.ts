// SPDX-License-Identifier: Apache-2.0
/** A camera of libcamera as `testing/fake-cam.ts` plays it; with the true program: test/uml. */
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  type Capture,
  pictureLayout,
  SharedSource,
  SourceBusyError,
  V4L2_CID_CAMERA_ORIENTATION,
  V4L2_CID_CAMERA_SENSOR_ROTATION,
  V4L2_PIX_FMT_NV12,
} from '@paravideo/core';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { LinuxClock } from '../../clock/index.ts';
import { CopyingConsumer } from '../raw-frames/testing/raw-rig.ts';
import { openLibcamera } from './libcamera-camera.ts';

const FAKE = fileURLToPath(new URL('testing/fake-cam.ts', import.meta.url));
const INTERVAL = { numerator: 1, denominator: 30 };

let folder: string;
const told: string[] = [];
const write = (_fields: object, text: string): void => void told.push(text);
const log = { debug: write, info: write, warn: write, error: write };

/** A program that plays a story; the story may be changed. */
function camOf(story: string): string {
  const path = join(folder, 'cam');
  writeFileSync(
    path,
    `#!/bin/sh\nFAKE_CAM=${story} FAKE_CAM_PID=${join(folder, 'pid')} exec "${process.execPath}" "${FAKE}" "$@"\n`,
  );
  chmodSync(path, 0o755);
  return path;
}

const open = (story: string, wanted = 'front'): Promise<Capture> =>
  openLibcamera(wanted, { log, clock: new LinuxClock(), cam: camOf(story), lookEvery: 20 });

function wanted(width: number, height: number) {
  const layout = pictureLayout(V4L2_PIX_FMT_NV12, width, height);
  if (layout === undefined) throw new Error('no layout');
  return { layout, interval: INTERVAL };
}

/** The number in a file; 0 until it is there whole. */
function pidIn(path: string): number {
  const text = existsSync(path) ? readFileSync(path, 'utf8') : '';
  return text.endsWith('\n') ? Number(text) : 0;
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'paravideo-cam-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('a camera of libcamera', () => {
  it('has the formats, sizes and name that cam tells, and says where it is and how it is turned', async () => {
    await using camera = await open('');
    expect(camera.absent).toBeUndefined();
    const { card, formats, defaultSize } = camera.modes;
    expect([card, formats, defaultSize]).toEqual(['imx219', [V4L2_PIX_FMT_NV12], { width: 160, height: 120 }]);
    const { controls } = camera;
    expect(controls.get(V4L2_CID_CAMERA_ORIENTATION)).toBe(0);
    expect(controls.get(V4L2_CID_CAMERA_SENSOR_ROTATION)).toBe(180);
    expect(controls.declared.every(({ readOnly }) => readOnly === true)).toBe(true);
  });

  it.each([
    [100, 80],
    [160, 120],
  ])('brings frames of %ix%i without the padding of their rows, with their times and numbers', async (width, height) => {
    await using camera = await open('');
    await using source = new SharedSource(camera);
    const consumer = new CopyingConsumer();
    using _stream = source.start(wanted(width, height), consumer);
    await consumer.until(5);
    let [sequence, timestamp] = [-1, 0];
    for (const frame of consumer.frames) {
      expect(new Set(frame.bytes)).toEqual(new Set([(frame.sequence / 2) % 200]));
      expect(frame.bytes).toHaveLength((width * height * 3) / 2);
      expect(frame.sequence).toBeGreaterThan(sequence);
      expect(frame.timestamp).toBeGreaterThan(timestamp);
      ({ sequence, timestamp } = frame);
    }
    expect(Math.abs(timestamp - new LinuxClock().now())).toBeLessThan(10_000_000);
  });

  it('goes on after frames that nobody wanted', async () => {
    await using camera = await open('');
    await using source = new SharedSource(camera);
    const consumer = new CopyingConsumer();
    consumer.wants = 1;
    using _stream = source.start(wanted(100, 80), consumer);
    await consumer.until(1);
    await new Promise((resolve) => void setTimeout(resolve, 50));
    consumer.wants = 2;
    await consumer.until(3);
    const [first, second] = consumer.frames;
    expect((second?.sequence ?? 0) - (first?.sequence ?? 0)).toBeGreaterThan(2);
    expect(new Set(second?.bytes).size).toBe(1);
  });

  it('delivers one picture at a time, and the next as soon as the first has ended', async () => {
    await using camera = await open('');
    const consumer = new CopyingConsumer();
    const first = camera.start(wanted(100, 80), { wantsFrame: () => false, frame: () => {}, ended: () => {} });
    expect(() => camera.start(wanted(160, 120), { wantsFrame: () => false, frame: () => {}, ended: () => {} })).toThrow(
      SourceBusyError,
    );
    first[Symbol.dispose]();
    await using source = new SharedSource(camera);
    using _stream = source.start(wanted(160, 120), consumer);
    await consumer.until(2);
  });

  it('is ended with the last words of cam when that ends, and can be started again', async () => {
    await using camera = await open('short');
    await using source = new SharedSource(camera);
    for (const _ of [1, 2]) {
      const consumer = new CopyingConsumer();
      using _stream = source.start(wanted(100, 80), consumer);
      while (consumer.lostFor.length === 0) await consumer.changed();
      expect(consumer.lostFor[0]).toMatch(/cam: it has ended \(exit code 1\): ERROR Camera is out of film$/);
      expect(consumer.frames.length).toBeGreaterThan(0);
    }
  });

  it('is ended when cam tells of frames that are no pictures', async () => {
    await using camera = await open('lies');
    await using source = new SharedSource(camera);
    const consumer = new CopyingConsumer();
    using _stream = source.start(wanted(100, 80), consumer);
    while (consumer.lostFor.length === 0) await consumer.changed();
    expect(consumer.lostFor[0]).toMatch(/a frame of 10241\/5121 bytes is no picture of 100x80/);
    expect(consumer.frames).toEqual([]);
  });

  it('is absent while libcamera does not know it, and comes', async () => {
    await using camera = await open('gone');
    expect(camera.absent).toBe('libcamera knows no camera front: it knows none');
    const came = new Promise<void>((resolve) => {
      camera.watch(() => {
        if (camera.absent === undefined) resolve();
      });
    });
    camOf('');
    await came;
    expect(camera.modes.card).toBe('imx219');
  });

  it('is absent when it is gone after a run', async () => {
    await using camera = await open('short');
    const gone = new Promise<string>((resolve) => {
      camera.watch(() => {
        if (camera.absent !== undefined) resolve(camera.absent);
      });
    });
    await using source = new SharedSource(camera);
    const consumer = new CopyingConsumer();
    using _stream = source.start(wanted(100, 80), consumer);
    await consumer.until(1);
    camOf('gone');
    expect(await gone).toBe('libcamera knows no camera front: it knows none');
    expect(source.presence.kind).toBe('lost');
  });

  it('says what to install where there is no cam', async () => {
    await using camera = await openLibcamera('front', { log, clock: new LinuxClock(), cam: join(folder, 'none') });
    expect(camera.absent).toMatch(/^there is no program .*none: install libcamera's tools \(Debian: libcamera-tools\)$/);
  });

  it.each(['', 'mute'])('leaves no process behind when it is closed in mid-stream (%j)', async (story) => {
    rmSync(join(folder, 'pid'), { force: true });
    const source = new SharedSource(await open(story));
    source.start(wanted(100, 80), new CopyingConsumer());
    const pid = await vi.waitUntil(() => pidIn(join(folder, 'pid')), { timeout: 60_000 });
    expect(alive(pid)).toBe(true);
    await source[Symbol.asyncDispose]();
    expect(alive(pid)).toBe(false);
  });

  it('does not wait for a cam that does not answer when it is closed, and ends that', async () => {
    rmSync(join(folder, 'pid'), { force: true });
    const camera = await open('gone');
    camOf('hangs');
    const pid = await vi.waitUntil(() => pidIn(join(folder, 'pid')), { timeout: 60_000 });
    await camera[Symbol.asyncDispose]();
    await vi.waitUntil(() => !alive(pid), { timeout: 60_000 });
  });
});
