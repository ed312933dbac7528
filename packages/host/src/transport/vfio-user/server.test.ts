// SPDX-License-Identifier: Apache-2.0
import { existsSync } from 'node:fs';
import { CaptureClient, MediaDriver, VIDIOC_S_INPUT } from '@paravideo/core';
import { countResults, describeDevice, runConformance } from '@paravideo/core/conformance';
import { describe, expect, it } from 'vitest';
import { VfioRig } from '../../../test/vfio-user-rig.ts';
import { input, until } from '../../../test/vhost-user-rig.ts';
import { LinuxClock } from '../../clock/index.ts';
import { FrontendError } from '../../frontend/index.ts';
import { ArenaError } from '../../memory/index.ts';
import { mappingsOf, openDescriptors } from '../../sys/index.ts';
import { VfioUserServer } from './index.ts';

describe('a camera that is a PCI device behind a socket', () => {
  it.each([
    { indirect: true, eventIdx: true },
    { indirect: false, eventIdx: false },
  ])('streams into mapped buffers and into guest pages (%o)', async (features) => {
    await using rig = new VfioRig({ camera: true });
    const { frontend, driver } = await rig.attach({ features });
    expect(frontend.features).toEqual(features);
    expect([frontend.driver.virtioId, frontend.driver.vectors, frontend.sharedLength]).toEqual([48, 3, 1 << 24]);
    expect(driver.config.card).toBe('Solid');
    for (const memory of ['mmap', 'shared-pages'] as const) {
      const camera = await CaptureClient.open(driver, { memory, buffers: 3 });
      await camera.configure();
      await camera.start();
      expect(rig.server.guest?.window.mappings).toBe(memory === 'mmap' ? 3 : 0);
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
      expect(rig.server.guest?.window.mappings).toBe(0);
    }
    expect(rig.server.guest?.arena.allocated).toBe(0);
    expect([...rig.logged('error'), ...rig.logged('warn')]).toEqual([]);
  });

  it('streams into guest pages without shared memory, and refuses to map anything then', async () => {
    await using rig = new VfioRig({ camera: true, shared: false });
    const { frontend, driver } = await rig.attach();
    expect(frontend.sharedLength).toBe(0);
    const camera = await CaptureClient.open(driver, { memory: 'shared-pages', buffers: 3 });
    await camera.configure();
    await camera.start();
    for (let i = 0; i < 3; i++) {
      rig.source.tick();
      expect((await camera.next()).sequence).toBe(i);
    }
    await camera.close();
    const mapped = await CaptureClient.open(driver, { memory: 'mmap', buffers: 3 });
    await mapped.configure();
    await expect(mapped.start()).rejects.toThrow(/ENOTTY/);
    expect(rig.logged('error')).toEqual([]);
  });

  it('passes the conformance suite', async () => {
    await using rig = new VfioRig({ camera: true });
    const frontend = await rig.connect({ memoryBytes: 64 << 20 });
    const ticking = setInterval(() => rig.source.tick(), 5);
    try {
      const pause = () => new Promise<void>((resolve) => setTimeout(resolve, 1));
      const report = await runConformance(frontend, { clock: new LinuxClock(), pause, streams: [] });
      expect(report.results.filter(({ outcome }) => outcome === 'fail')).toEqual([]);
      expect(countResults(report).pass).toBeGreaterThan(20);
    } finally {
      clearInterval(ticking);
    }
  });

  it('is described as any other', async () => {
    await using rig = new VfioRig({ camera: true });
    const { driver } = await rig.attach();
    expect((await describeDevice(driver)).card).toBe('Solid');
  });
});

describe('connections', () => {
  it('come and go fifty times and leave descriptors and mappings as they were', async () => {
    await using rig = new VfioRig();
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
    expect([...rig.logged('error'), ...rig.logged('warn')]).toEqual([]);
  });

  it('are one at a time, and wait for the last device to be taken down', async () => {
    await using rig = new VfioRig();
    const { frontend, driver, device } = await rig.attach();
    await expect(rig.connect()).rejects.toThrow(/closed the connection/);
    expect(rig.logged('warn')).toEqual([expect.stringContaining('second front-end was turned away')]);
    const session = await driver.open();
    let finish: (status: number) => void = () => {};
    device.onInput = () =>
      new Promise((resolve) => {
        finish = resolve;
      });
    const lost = session.ioctl(VIDIOC_S_INPUT, input(0));
    lost.catch(() => {});
    await frontend.close();
    const again = await rig.attach();
    finish(0);
    expect((await again.driver.open()).state).toBe('open');
    expect(rig.devices.length).toBe(2);
    await expect(lost).rejects.toThrow();
  });

  it('that fail because no device can be made end alone, and leave no descriptor', async () => {
    await using rig = new VfioRig({
      device: () => {
        throw new RangeError('no camera');
      },
    });
    const before = openDescriptors();
    await expect(rig.connect()).rejects.toThrow();
    expect(openDescriptors()).toBe(before);
    expect(rig.logged('error').length).toBe(1);
  });

  it('end with the server, which leaves nothing', async () => {
    const fds = openDescriptors();
    const rig = new VfioRig();
    const { frontend, driver } = await rig.attach();
    const session = await driver.open();
    const block = frontend.allocate(4096);
    await rig.server.close();
    expect(await frontend.closed).toMatch(/closed/);
    await expect(session.ioctl(VIDIOC_S_INPUT, input(0))).rejects.toThrow();
    expect([block.bytes.length, frontend.sharedLength]).toEqual([0, 1 << 24]);
    await expect(frontend.request('DEVICE_RESET')).rejects.toThrow(FrontendError);
    expect(() => frontend.notify(0)).toThrow(/gone/);
    expect(existsSync(rig.path)).toBe(false);
    await rig[Symbol.asyncDispose]();
    expect(openDescriptors()).toBe(fds);
  });

  it('get an arena of a size that a region can have', () => {
    for (const arenaBytes of [0, 4096, 100_000, 3 << 20, 2 ** 32]) {
      expect(() =>
        VfioUserServer.listen({ path: '/nowhere', device: () => ({}) as never, log: {} as never, arenaBytes }),
      ).toThrow(ArenaError);
    }
  });
});

describe('resets', () => {
  it('made by the driver drop its sessions and mappings, and a new driver starts from nothing', async () => {
    await using rig = new VfioRig();
    const frontend = await rig.connect();
    for (let i = 0; i < 5; i++) {
      const driver = await MediaDriver.attach(frontend);
      const session = await driver.open();
      await session.mmap(rig.devices[0]?.blocks[i]?.offset ?? -1);
      expect([rig.devices[0]?.sessions, rig.server.guest?.window.mappings]).toEqual([1, 1]);
      await driver.detach();
      expect([rig.devices[0]?.sessions, rig.server.guest?.window.mappings, rig.server.guest?.arena.blocks]).toEqual([0, 0, 0]);
    }
    expect([...rig.logged('error'), ...rig.logged('warn')]).toEqual([]);
  });

  it('made by the machine, even twice, are answered when nothing runs any more; memory maps and connection stay', async () => {
    await using rig = new VfioRig();
    const { frontend, driver, device } = await rig.attach();
    await driver.open();
    await frontend.reset();
    await frontend.reset();
    expect([device.sessions, rig.server.guest?.pci.state, rig.server.guest?.dma.size]).toEqual([0, 'fresh', 2]);
    const again = await MediaDriver.attach(frontend);
    expect((await again.open()).state).toBe('open');
  });

  it('do not wait for a command that never ends', async () => {
    await using rig = new VfioRig();
    const { frontend, driver, device } = await rig.attach();
    const session = await driver.open();
    let finish: (status: number) => void = () => {};
    device.onInput = () =>
      new Promise((resolve) => {
        finish = resolve;
      });
    session.ioctl(VIDIOC_S_INPUT, input(0)).catch(() => {});
    await frontend.driver.get('device_status');
    await frontend.reset();
    const again = await MediaDriver.attach(frontend);
    finish(0);
    expect((await again.open()).state).toBe('open');
    expect(rig.logged('error')).toEqual([]);
  });
});

describe('guest memory', () => {
  it('may go and come back in pieces while rings run', async () => {
    await using rig = new VfioRig();
    const { frontend, driver } = await rig.attach();
    const session = await driver.open();
    await frontend.addMemory(0x2_0000_0000, 1 << 20);
    expect((await session.ioctl(VIDIOC_S_INPUT, input(1))).errno).toBe(0);
    await frontend.removeMemory(0x2_0000_0000);
    expect((await session.ioctl(VIDIOC_S_INPUT, input(1))).errno).toBe(0);
    expect(rig.server.guest?.dma.size).toBe(2);
  });
});
