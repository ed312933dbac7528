// SPDX-License-Identifier: Apache-2.0
import { existsSync, writeFileSync } from 'node:fs';
import { CaptureClient, IoctlError, MediaDriver, VIDIOC_S_INPUT } from '@paravideo/core';
import { describe, expect, it } from 'vitest';
import { input, until, VhostRig } from '../../../test/vhost-user-rig.ts';
import { connectFrontend } from '../../frontend/index.ts';
import { connectUnix, listenUnix, mappingsOf, openDescriptors } from '../../sys/index.ts';
import { VhostUserServer } from './index.ts';

describe('a camera behind a socket', () => {
  it.each([
    { indirect: true, eventIdx: true },
    { indirect: false, eventIdx: false },
  ])('streams into mapped buffers and into guest pages (%o)', async (features) => {
    await using rig = new VhostRig({ camera: true });
    const { frontend, driver } = await rig.attach({ features });
    expect(frontend.features).toEqual(features);
    expect(driver.config.card).toBe('Solid');
    expect((await frontend.readConfig(0, 40)).length).toBe(40);
    for (const memory of ['mmap', 'shared-pages'] as const) {
      const camera = await CaptureClient.open(driver, { memory, buffers: 3 });
      await camera.configure();
      await camera.start();
      expect(frontend.sharedPieces > 0).toBe(memory === 'mmap');
      for (let i = 0; i < 20; i++) {
        const sequence = rig.source.tick();
        const frame = await camera.next();
        expect(frame.sequence).toBe(i);
        const bytes = frame.planes[0] as Uint8Array;
        expect(new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true)).toBe(sequence);
        expect(bytes.subarray(4).every((byte) => byte === ((sequence + 128) & 0xff))).toBe(true);
      }
      await camera.stop();
      await camera.close();
      await until(() => frontend.sharedPieces === 0, 'mappings gone');
    }
    expect(rig.server.guest?.arena.allocated).toBe(0);
    expect(rig.logged('error')).toEqual([]);
    expect(rig.logged('warn')).toEqual([]);
  });
});

describe('connections', () => {
  it('come and go fifty times and leave descriptors and mappings as they were', async () => {
    await using rig = new VhostRig();
    const once = async (): Promise<void> => {
      const { frontend, driver, device } = await rig.attach();
      const session = await driver.open();
      await session.mmap(device.blocks[0]?.offset ?? -1);
      await frontend.close();
      await until(() => !rig.server.connected && device.disposed && device.sessions === 0, 'device gone');
      await until(() => mappingsOf('/memfd:paravideo-') === 0, 'arena unmapped');
    };
    await once();
    const fds = openDescriptors();
    for (let i = 0; i < 50; i++) await once();
    expect(openDescriptors()).toBe(fds);
    expect(mappingsOf('/memfd:guest-ram')).toBe(0);
    expect(rig.logged('warn')).toEqual([]);
    expect(rig.logged('error')).toEqual([]);
  });

  it('are one at a time: a second front-end is turned away with a line in the log', async () => {
    await using rig = new VhostRig();
    const { driver } = await rig.attach();
    await expect(rig.connect()).rejects.toThrow(/closed the connection/);
    expect(rig.logged('warn')).toEqual([expect.stringContaining('second front-end was turned away')]);
    await driver.open();
  });

  it('wait for the device of the last one to be taken down', async () => {
    await using rig = new VhostRig();
    const { frontend, driver, device } = await rig.attach();
    const session = await driver.open();
    let finish: (status: number) => void = () => {};
    device.onInput = () =>
      new Promise((resolve) => {
        finish = resolve;
      });
    const lost = session.ioctl(VIDIOC_S_INPUT, input(0));
    lost.catch(() => {});
    await until(() => device.events.length === 1, 'the session');
    await frontend.close();
    const again = await rig.attach();
    finish(0);
    expect((await again.driver.open()).state).toBe('open');
    expect(rig.devices.length).toBe(2);
    await expect(lost).rejects.toThrow();
  });

  it('many sockets live in one process', async () => {
    await using a = new VhostRig();
    await using b = new VhostRig();
    const first = await a.attach();
    const second = await b.attach();
    const sessions = [await first.driver.open(), await second.driver.open()];
    a.server.guest?.window.reset();
    await first.frontend.close();
    expect((await sessions[1]?.ioctl(VIDIOC_S_INPUT, input(3)))?.errno).toBe(0);
  });

  it('a device that cannot be made costs that connection only', async () => {
    let broken = true;
    await using rig = new VhostRig({
      device: () => {
        if (broken) throw new RangeError('no camera');
        return { deviceCaps: 1, deviceType: 0, card: '', open: () => 16, async [Symbol.asyncDispose]() {} };
      },
    });
    const before = openDescriptors();
    await expect(rig.connect()).rejects.toThrow();
    expect(openDescriptors()).toBe(before);
    expect(rig.logged('error').length).toBe(1);
    broken = false;
    const driver = await MediaDriver.attach(await rig.connect());
    await expect(driver.open()).rejects.toThrow(IoctlError);
  });
});

describe('the socket file', () => {
  it('replaces a stale socket, and no living one, and nothing else', async () => {
    await using rig = new VhostRig();
    const stale = `${rig.path}-stale`;
    listenUnix(stale).close();
    const options = { device: () => rig.devices[0] as never, log: rig.log };
    const server = VhostUserServer.listen({ ...options, path: stale });
    expect(() => VhostUserServer.listen({ ...options, path: stale })).toThrow(/somebody listens/);
    await server.close();
    await server.close();
    expect(existsSync(stale)).toBe(false);
    writeFileSync(`${rig.path}-file`, 'precious');
    expect(() => VhostUserServer.listen({ ...options, path: `${rig.path}-file` })).toThrow(/no socket/);
    expect(() => VhostUserServer.listen({ ...options, path: `${rig.folder}/${'x'.repeat(110)}` })).toThrow(/107 bytes/);
  });

  it('close ends a connected front-end and gives everything back', async () => {
    const fds = openDescriptors();
    const rig = new VhostRig();
    const { frontend } = await rig.attach();
    await rig.server.close();
    expect(await frontend.closed).toMatch(/closed the connection/);
    await rig[Symbol.asyncDispose]();
    expect(openDescriptors()).toBe(fds);
    await expect(connectFrontend(rig.path)).rejects.toThrow(/ENOENT/);
    expect(() => connectUnix(rig.path)).toThrow();
  });
});
