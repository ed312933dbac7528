// SPDX-License-Identifier: Apache-2.0
/** Outputs as guests see them, behind a daemon in a process of its own: what one plays is another's camera. */
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { CaptureClient, Errno, formatInfo, fourcc, OutputClient, sameBytes, V4L2_EVENT_SOURCE_CHANGE } from '@paravideo/core';
import { errnoOf } from '@paravideo/core/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { runCommand } from '../src/cli/testing/run-command.ts';
import { OutputRig } from './output-rig.ts';

const rig = new OutputRig();
afterEach(() => rig.close());

const OUTPUT = { kind: 'output', name: 'wall', size: '64x48' } as const;
const CAMERA = { kind: 'camera', name: 'shown', source: 'wall' } as const;
const SOURCES = { wall: { output: 'wall' } };
const FAST = { numerator: 1, denominator: 120 };

const serve = (devices: Parameters<typeof rig.serve>[0]) => rig.serve(devices, { sources: devices.length > 1 ? SOURCES : {} });
const guest = rig.guest.bind(rig);
const player = rig.player.bind(rig);

/** Starts a camera as soon as it is there, in the first format that it lists. */
async function watching(client: CaptureClient): Promise<void> {
  await client.session.subscribeEvent(V4L2_EVENT_SOURCE_CHANGE);
  while ((await client.session.enumInput(0))?.status !== 0) await client.session.nextEvent();
  const first = await client.session.enumFmt(client.type, 0);
  await client.configure(first === undefined ? {} : { pixelformat: first.pixelformat });
  await client.start();
}

/** Random pictures: each frame of a camera has to be one of them, whole. */
const pictures = (count: number, sizes: readonly number[]): Uint8Array[][] =>
  Array.from({ length: count }, () => sizes.map((size) => randomBytes(size)));

describe("an output that is another guest's camera", () => {
  it.each(['YU12', 'NV12', 'YUYV', 'RGB3', 'GREY', 'NM12'])('shows what is played byte by byte: %s', async (name) => {
    const planes = (formatInfo(fourcc(name))?.memoryPlanes ?? 1) > 1 ? 'multi' : 'single';
    const daemon = await serve([
      { ...OUTPUT, planes },
      { ...CAMERA, planes },
    ]);
    const { client: playing } = await player(daemon.socket('wall'), {
      pixelformat: fourcc(name),
      width: 320,
      height: 180,
      interval: FAST,
    });
    const camera = await CaptureClient.open((await guest(daemon.socket('shown'))).driver);
    await watching(camera);
    const { sizes } = playing.layout;
    const sent = pictures(30, sizes);
    let over = false;
    const play = (async () => {
      for (let i = 0; !over; i++) await playing.write(...(sent[i % sent.length] ?? []));
    })();
    const seen = new Set<number>();
    for (let i = 0; i < 40; i++) {
      const frame = await camera.next();
      expect(frame.layout).toMatchObject({ fourcc: fourcc(name), width: 320, height: 180 });
      const which = sent.findIndex((planes) => planes.every((bytes, p) => frame.planes[p] && sameBytes(bytes, frame.planes[p])));
      expect(which).toBeGreaterThanOrEqual(0);
      seen.add(which);
    }
    over = true;
    await play;
    expect(seen.size).toBeGreaterThan(10);
    expect(await daemon.stop()).toBe(0);
  });

  it('is away while nobody plays, comes with what is played, and goes with it', async () => {
    const daemon = await serve([OUTPUT, CAMERA]);
    const camera = await CaptureClient.open((await guest(daemon.socket('shown'))).driver);
    expect(await errnoOf(camera.start())).toBe(Errno.ENODEV);
    await camera.stop();
    const { client: playing } = await player(daemon.socket('wall'), { pixelformat: fourcc('GREY'), width: 96, height: 64 });
    await watching(camera);
    const write = async () => {
      await playing.write(new Uint8Array(96 * 64).fill(7));
    };
    await Promise.all([write(), camera.next()]);
    await playing.stop();
    // The flag comes with the buffers that the camera had; who queues one after that gets the errno.
    const end = await camera.next().then(
      ({ error }) => (error ? 'error flag' : 'a frame'),
      ({ message }) => message,
    );
    expect(end).toMatch(/^(error flag|VIDIOC_QBUF: EIO)$/);
    await camera.stop();
    expect((await camera.session.enumInput(0))?.status).not.toBe(0);
    await playing.configure({ width: 128, height: 96 });
    await playing.start();
    await watching(camera);
    await playing.write(new Uint8Array(128 * 96).fill(9));
    expect(await camera.next()).toMatchObject({ layout: { width: 128, height: 96 } });
  });

  it('is made into other formats and sizes for cameras that ask for them', async () => {
    const daemon = await serve([OUTPUT, CAMERA]);
    const { client: playing } = await player(daemon.socket('wall'), { pixelformat: fourcc('YU12'), width: 320, height: 240 });
    const camera = await CaptureClient.open((await guest(daemon.socket('shown'))).driver);
    await watching(camera);
    await camera.stop();
    const { layout } = await camera.configure({ pixelformat: fourcc('RGB3'), width: 160, height: 120 });
    expect(layout).toMatchObject({ fourcc: fourcc('RGB3'), width: 160, height: 120 });
    await camera.start();
    const grey = Uint8Array.from({ length: 320 * 240 * 1.5 }, (_, i) => (i < 320 * 240 ? 126 : 128));
    const [frame] = await Promise.all([camera.next(), playing.write(grey).then(() => playing.write(grey))]);
    expect(frame.planes[0]?.every((byte) => Math.abs(byte - 128) < 4)).toBe(true);
  });

  it('belongs to one guest at a time, and is free when that one is gone, however it went', async () => {
    const daemon = await serve([{ ...OUTPUT, sockets: 2 }]);
    const first = await player(daemon.socket('wall'), { pixelformat: fourcc('GREY') });
    const second = await OutputClient.open((await guest(daemon.socket('wall', 1))).driver);
    expect(await errnoOf(second.start())).toBe(Errno.EBUSY);
    await first.client.write(new Uint8Array(first.client.layout.sizes[0] ?? 0));
    await first.frontend.close();
    await expect.poll(() => errnoOf(second.start()), { timeout: 20_000 }).toBe(0);
  });

  it('conforms, and tells of itself', async () => {
    const daemon = await serve([OUTPUT]);
    const probed = await runCommand(['probe', daemon.socket('wall')], daemon.folder);
    expect([probed.status, probed.stdout]).toEqual([0, expect.stringContaining('Output 0      Paravideo wall')]);
    const checked = await runCommand(['check', daemon.socket('wall')], daemon.folder);
    expect([checked.status, checked.stdout]).toEqual([0, expect.stringContaining(' 0 failed')]);
  });

  it('plays a thousand times, and nothing is left of it in the daemon', async () => {
    const daemon = await serve([OUTPUT, CAMERA]);
    const { driver } = await guest(daemon.socket('wall'));
    const client = await OutputClient.open(driver, { buffers: 1 });
    await client.configure({ pixelformat: fourcc('GREY'), width: 64, height: 48, interval: FAST });
    const play = async (times: number) => {
      for (let i = 0; i < times; i++) {
        await client.start();
        await client.write(new Uint8Array(64 * 48));
        await client.stop();
      }
    };
    const descriptors = () => readdirSync(`/proc/${daemon.pid}/fd`).length;
    const frames = () => readFileSync(`/proc/${daemon.pid}/maps`, 'latin1').match(/paravideo-played-frames/g)?.length ?? 0;
    await play(20);
    const before = descriptors();
    await play(1000);
    await expect.poll(frames).toBe(0);
    // A start that kept one would have left a thousand; some are closed a moment later.
    expect(descriptors() - before).toBeLessThan(20);
  });
});
