// SPDX-License-Identifier: Apache-2.0
/** A camera that delivers compressed frames of any length, is pulled out, and comes back with other formats, as a guest sees it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type BufferAccess,
  V4L2_BUF_TYPE_VIDEO_CAPTURE as CAPTURE,
  CaptureClient,
  CaptureDevice,
  codedSize,
  type DriverTransport,
  Errno,
  type HostBuffers,
  MediaDriver,
  SharedSource,
  V4L2_BUF_FLAG_ERROR,
  V4L2_EVENT_SOURCE_CHANGE,
  V4L2_EVENT_SRC_CH_RESOLUTION,
  V4L2_IN_ST_NO_SIGNAL,
  V4L2_PIX_FMT_GREY,
  V4L2_PIX_FMT_MJPEG,
} from '@paravideo/core';
import { errnoOf, mediaTransport, ToyCapture, toyModes } from '@paravideo/core/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { LinuxClock } from '../src/clock/index.ts';
import { connectFrontend, connectVfioFrontend } from '../src/frontend/index.ts';
import type { Log } from '../src/log/index.ts';
import { CopyPool } from '../src/memory/copy/index.ts';
import { VfioUserServer } from '../src/transport/vfio-user/index.ts';
import { VhostUserServer } from '../src/transport/vhost-user/index.ts';
import { overMedia } from './vhost-user-rig.ts';

const LOG: Log = { debug() {}, info() {}, warn() {}, error() {} };
const MEMORY = { memoryBytes: 2 << 20 };

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** Bytes that say which frame they are of. */
const picture = (length: number, seed: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (i * 7 + seed) & 255);

/** A front-end of a device over a socket, and the server behind it. */
async function overSocket(
  transport: 'vhost-user' | 'vfio-user',
  make: (buffers: HostBuffers, access: BufferAccess) => CaptureDevice,
): Promise<DriverTransport> {
  const folder = mkdtempSync(join(tmpdir(), 'pv-toy-'));
  const path = join(folder, 's');
  const pool = CopyPool.start(1);
  const o = { path, device: overMedia((guest) => make(guest.arena, pool.access(guest))), log: LOG, arenaBytes: 1 << 24 };
  const server = transport === 'vhost-user' ? VhostUserServer.listen(o) : VfioUserServer.listen(o);
  cleanups.push(async () => {
    await server.close();
    await pool.close();
    rmSync(folder, { recursive: true });
  });
  const frontend = await (transport === 'vhost-user' ? connectFrontend(path, MEMORY) : connectVfioFrontend(path, MEMORY));
  cleanups.push(() => frontend.close());
  return frontend;
}

describe.each(['in-process', 'vhost-user', 'vfio-user'] as const)('a toy camera over %s', (transport) => {
  async function rig() {
    const toy = new ToyCapture();
    const source = new SharedSource(toy);
    cleanups.push(() => source[Symbol.asyncDispose]());
    const make = (buffers: HostBuffers, access: BufferAccess): CaptureDevice =>
      new CaptureDevice({ source, buffers, access, clock: new LinuxClock() });
    if (transport !== 'in-process') {
      const driver = await MediaDriver.attach(await overSocket(transport, make));
      return { toy, source, driver, camera: await CaptureClient.open(driver, { buffers: 3 }) };
    }
    const heap = mediaTransport({ device: ({ arena, access }) => make(arena, access) });
    cleanups.push(() => heap.close());
    const driver = await MediaDriver.attach(heap);
    return { toy, source, driver, camera: await CaptureClient.open(driver, { buffers: 3 }) };
  }

  it('delivers compressed frames as long as they came, and marks one that is longer than its buffer', async () => {
    const { toy, camera } = await rig();
    const { layout } = await camera.configure({ pixelformat: V4L2_PIX_FMT_MJPEG, width: 128, height: 96 });
    const most = codedSize(128, 96);
    expect([layout.fourcc, layout.sizes]).toEqual([V4L2_PIX_FMT_MJPEG, [most]]);
    await camera.start();
    for (const [i, length] of [100, 1, 70_001, most, 3].entries()) {
      expect(toy.push(picture(length, i))).toBe(true);
      const frame = await camera.next();
      expect([frame.sequence, frame.error, frame.planes[0]?.length]).toEqual([i, false, length]);
      expect(Buffer.compare(frame.planes[0] ?? new Uint8Array(0), picture(length, i))).toBe(0);
    }
    toy.push(picture(most + 1, 9));
    const cut = await camera.next();
    expect([cut.error, cut.planes[0]?.length]).toEqual([true, most]);
    toy.push(picture(5, 10));
    expect(await camera.next()).toMatchObject({ error: false, sequence: 6 });
    expect(toy.out).toBe(0);
    await camera.close();
  });

  it('goes away under a stream and comes back with another format, which the guest is told, finds and streams', async () => {
    const { toy, driver, camera } = await rig();
    const { session } = camera;
    const onlooker = await driver.open();
    for (const each of [session, onlooker]) await each.subscribeEvent(V4L2_EVENT_SOURCE_CHANGE);
    await camera.configure({ pixelformat: V4L2_PIX_FMT_MJPEG });
    await camera.start();
    toy.push(picture(10, 1));
    expect((await camera.next()).error).toBe(false);

    toy.vanish();
    for (let i = 0; i < 2; i++) expect((await session.dqbuf(CAPTURE)).flags & V4L2_BUF_FLAG_ERROR).not.toBe(0);
    const change = { type: V4L2_EVENT_SOURCE_CHANGE, id: 0, changes: V4L2_EVENT_SRC_CH_RESOLUTION };
    for (const each of [session, onlooker]) expect(await each.nextEvent()).toMatchObject(change);
    expect(toy.running).toBeUndefined();
    await camera.stop();
    expect(await errnoOf(camera.start())).toBe(Errno.ENODEV);
    expect(await errnoOf(onlooker.sFmt(await onlooker.gFmt(CAPTURE)))).toBe(Errno.ENODEV);
    expect((await onlooker.enumInput(0))?.status).toBe(V4L2_IN_ST_NO_SIGNAL);

    // The buffers of the failed start are of the format that is gone.
    toy.appear(toyModes([V4L2_PIX_FMT_GREY], [32, 16]));
    expect(await session.nextEvent()).toMatchObject(change);
    expect(await errnoOf(session.streamon(CAPTURE))).toBe(Errno.EPIPE);
    await session.reqbufs(CAPTURE, 0);
    expect(await session.gFmt(CAPTURE)).toMatchObject({ pixelformat: V4L2_PIX_FMT_GREY, width: 32, height: 16 });
    expect([await onlooker.enumFmt(CAPTURE, 0), await onlooker.enumFmt(CAPTURE, 1)]).toMatchObject([
      { pixelformat: V4L2_PIX_FMT_GREY },
      undefined,
    ]);
    await session.close();

    const again = await CaptureClient.open(driver);
    await again.configure();
    await again.start();
    const whole = picture(32 * 16, 3);
    toy.push(whole);
    const frame = await again.next();
    expect([frame.error, Buffer.compare(frame.planes[0] ?? new Uint8Array(0), whole)]).toEqual([false, 0]);
    await again.close();
    expect([toy.running, toy.out]).toEqual([undefined, 0]);
  });

  it('is busy for a guest that wants other frames than another guest has', async () => {
    const { toy, source, camera } = await rig();
    const { layout } = await camera.configure({ pixelformat: V4L2_PIX_FMT_MJPEG });
    await camera.configure({ pixelformat: V4L2_PIX_FMT_GREY });
    const idle = { wantsFrame: () => false, frame: () => {}, lost: () => {} };
    const other = source.start({ layout, interval: { numerator: 1, denominator: 30 } }, idle);
    expect(await errnoOf(camera.start())).toBe(Errno.EBUSY);
    other[Symbol.dispose]();
    await camera.session.streamon(CAPTURE);
    toy.push(picture(64 * 48, 1));
    expect((await camera.session.dqbuf(CAPTURE)).sequence).toBe(0);
    await camera.close();
  });
});
