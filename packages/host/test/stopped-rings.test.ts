// SPDX-License-Identifier: Apache-2.0
/** A stopped device leaves guest memory alone, and knows a driver that goes on from one that begins. Over both transports. */
import { createHash } from 'node:crypto';
import {
  type BufferAccess,
  CaptureClient,
  CaptureDevice,
  type DriverTransport,
  MediaDriver,
  V4L2_BUF_TYPE_VIDEO_CAPTURE,
  V4L2_CID_BRIGHTNESS,
  VIDIOC_S_INPUT,
} from '@paravideo/core';
import { SolidSource } from '@paravideo/core/testing';
import { describe, expect, it } from 'vitest';
import { LinuxClock } from '../src/clock/index.ts';
import type { Frontend, VfioFrontend } from '../src/frontend/index.ts';
import { CopyPool } from '../src/memory/copy/index.ts';
import type { GuestContext } from '../src/transport/common/index.ts';
import { VfioRig } from './vfio-user-rig.ts';
import { type HostedMedia, input, until, VhostRig } from './vhost-user-rig.ts';

const enable = (ring: number, on: 0 | 1): Uint8Array => Uint8Array.of(ring, 0, 0, 0, on, 0, 0, 0);

/** What takes the rings away from a device, and gives them back. */
interface Pause {
  readonly name: string;
  readonly transport: 'vhost-user' | 'vfio-user';
  stop(guest: DriverTransport): Promise<void>;
  go(guest: DriverTransport): Promise<void>;
}

const pauses: readonly Pause[] = [
  {
    name: 'GET_VRING_BASE',
    transport: 'vhost-user',
    stop: (guest) => (guest as Frontend).pause(),
    go: (guest) => (guest as Frontend).resume(),
  },
  {
    name: 'SET_VRING_ENABLE 0 and nothing else',
    transport: 'vhost-user',
    stop: async (guest) => {
      for (const ring of [0, 1]) await (guest as Frontend).request('SET_VRING_ENABLE', enable(ring, 0));
    },
    go: async (guest) => {
      for (const ring of [0, 1]) await (guest as Frontend).request('SET_VRING_ENABLE', enable(ring, 1));
    },
  },
  {
    name: 'bus mastering off',
    transport: 'vfio-user',
    stop: (guest) => (guest as VfioFrontend).pause(),
    go: (guest) => (guest as VfioFrontend).resume(),
  },
];

/** A camera of solid frames whose copies the test may hold up. */
class Camera implements AsyncDisposable {
  readonly source = new SolidSource();
  readonly pool = CopyPool.start(2);
  /** copies wait for this */
  hold: Promise<void> | undefined;
  /** copies that were asked for */
  copies = 0;

  readonly device = (guest: GuestContext): HostedMedia => {
    const pool = this.pool.access(guest);
    const slow = async (copy: () => Promise<boolean>): Promise<boolean> => {
      this.copies += 1;
      if (this.hold !== undefined) await guest.memory.gate.enter(() => (this.hold as Promise<void>).then(() => true));
      return copy();
    };
    const access: BufferAccess = {
      get open() {
        return pool.open;
      },
      store: (from, to) => slow(() => pool.store(from, to)),
      load: (from, offset, to) => slow(() => pool.load(from, offset, to)),
      fetch: (from, to) => slow(() => pool.fetch(from, to)),
    };
    return new CaptureDevice({ source: this.source, buffers: guest.arena, access, clock: new LinuxClock() });
  };

  /** Makes frames, and lets the copies of them end. */
  async frames(count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      this.source.tick();
      await until(() => this.pool.pending === 0, 'the copies');
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.pool.close();
  }
}

async function rigFor(transport: Pause['transport'], device: (guest: GuestContext) => HostedMedia): Promise<VhostRig | VfioRig> {
  return transport === 'vhost-user' ? new VhostRig({ device }) : new VfioRig({ device });
}

function ramOf(guest: DriverTransport): string {
  const hash = createHash('sha256');
  for (const { address, length } of (guest as Frontend | VfioFrontend).ram.regions) {
    hash.update(guest.memory.window(address, length)?.bytes ?? '');
  }
  return hash.digest('hex');
}

describe.each(pauses)('$transport, $name', ({ transport, stop, go }) => {
  it('no byte of guest memory changes while the rings are stopped; the stream goes on with a gap', async () => {
    await using camera = new Camera();
    await using rig = await rigFor(transport, camera.device);
    const guest = await rig.connect({ memoryBytes: 8 << 20 });
    const client = await CaptureClient.open(await MediaDriver.attach(guest), { memory: 'shared-pages', buffers: 16 });
    await client.configure();
    await client.start();
    await camera.frames(1);
    const before = await client.next();
    await stop(guest);
    const ram = ramOf(guest);
    await camera.frames(7);
    expect(ramOf(guest)).toBe(ram);
    await go(guest);
    await camera.frames(1);
    const after = await client.next();
    expect(after.sequence - before.sequence).toBe(8);
    expect(after.planes[0]?.[0]).toBe(8);
    expect(rig.logged('warn')).toEqual([]);
  });

  it('copies in flight have ended before the answer', async () => {
    await using camera = new Camera();
    await using rig = await rigFor(transport, camera.device);
    const guest = await rig.connect({ memoryBytes: 8 << 20 });
    const client = await CaptureClient.open(await MediaDriver.attach(guest), { memory: 'shared-pages', buffers: 4 });
    await client.configure();
    await client.start();
    const held = Promise.withResolvers<void>();
    camera.hold = held.promise;
    camera.source.tick();
    let stopped = false;
    const stopping = stop(guest).then(() => {
      stopped = true;
    });
    await until(() => rig.server.guest?.memory.gate.open === false, 'the rings to stop');
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect([camera.copies, stopped]).toEqual([1, false]);
    held.resolve();
    await stopping;
    camera.hold = undefined;
    const ram = ramOf(guest);
    await until(() => camera.pool.pending === 0, 'the copies');
    expect(ramOf(guest)).toBe(ram);
    await go(guest);
  });

  it('a session survives any number of stops, with its format and what it has queued', async () => {
    await using camera = new Camera();
    await using rig = await rigFor(transport, camera.device);
    const guest = await rig.connect({ memoryBytes: 8 << 20 });
    const client = await CaptureClient.open(await MediaDriver.attach(guest), { memory: 'mmap', buffers: 4 });
    await client.configure({ width: 128, height: 96 });
    await client.start();
    for (let round = 0; round < 20; round++) {
      await camera.frames(1);
      expect((await client.next()).layout).toMatchObject({ width: 128, height: 96 });
      await stop(guest);
      await camera.frames(2);
      await go(guest);
    }
    await camera.frames(1);
    expect((await client.next()).sequence).toBe(60);
    await client.stop();
  });
});

describe.each(['vhost-user', 'vfio-user'] as const)('a driver that begins anew on %s', (transport) => {
  it('finds a device as it was at first: no session, no stream, format and controls by default', async () => {
    await using camera = new Camera();
    await using rig = await rigFor(transport, camera.device);
    const guest = await rig.connect({ memoryBytes: 8 << 20 });
    const driver = await MediaDriver.attach(guest);
    const client = await CaptureClient.open(driver, { memory: 'shared-pages', buffers: 16 });
    const first = await (await driver.open()).gFmt(V4L2_BUF_TYPE_VIDEO_CAPTURE);
    await client.configure({ width: 128, height: 96 });
    await client.setControl(V4L2_CID_BRIGHTNESS, 7);
    await client.start();
    await camera.frames(1);
    await driver.detach();
    const ram = ramOf(guest);
    await camera.frames(5);
    expect(ramOf(guest)).toBe(ram);
    const again = await MediaDriver.attach(guest);
    expect(camera.source.running).toBe(0);
    expect(rig.server.guest?.device.stats.sessions).toBe(0);
    const session = await again.open();
    expect(await session.gFmt(V4L2_BUF_TYPE_VIDEO_CAPTURE)).toEqual(first);
    expect(await session.gCtrl(V4L2_CID_BRIGHTNESS)).toBe(128);
  });

  it('keeps the controls that another guest has set on the same camera', async () => {
    await using camera = new Camera();
    await using rig = await rigFor(transport, camera.device);
    const guest = await rig.connect({ memoryBytes: 8 << 20 });
    const driver = await MediaDriver.attach(guest);
    const client = await CaptureClient.open(driver, { memory: 'shared-pages', buffers: 2 });
    await client.setControl(V4L2_CID_BRIGHTNESS, 7);
    camera.source.controls.set(V4L2_CID_BRIGHTNESS, 9);
    await driver.detach();
    const session = await (await MediaDriver.attach(guest)).open();
    expect(await session.gCtrl(V4L2_CID_BRIGHTNESS)).toBe(9);
  });
});

describe('a driver that begins anew on vhost-user', () => {
  it('is known after SET_VRING_ENABLE 0 alone, by its fresh ring', async () => {
    await using rig = new VhostRig();
    const { frontend, driver, device } = await rig.attach();
    await driver.open();
    for (const ring of [0, 1]) await frontend.request('SET_VRING_ENABLE', enable(ring, 0));
    expect(device.sessions).toBe(1);
    const again = await MediaDriver.attach(frontend);
    expect(device.sessions).toBe(0);
    await again.open();
  });

  it('is known where the index is the same: 65536 chains later it is 0 again', async () => {
    await using rig = new VhostRig();
    const { frontend, driver, device } = await rig.attach();
    const session = await driver.open();
    // OPEN was the first.
    for (let chains = 1; chains < 65536; chains += 32) {
      const batch = Math.min(32, 65536 - chains);
      await Promise.all(Array.from({ length: batch }, () => session.ioctl(VIDIOC_S_INPUT, input(0))));
    }
    expect(await frontend.stopQueue(0)).toBe(0);
    await frontend.stopQueue(1);
    // The same driver goes on.
    await frontend.resumeQueue(0);
    await frontend.resumeQueue(1);
    expect(device.sessions).toBe(1);
    await driver.detach();
    await MediaDriver.attach(frontend);
    expect(device.sessions).toBe(0);
  });

  it('gets no event of the one before, though its event ring starts first', async () => {
    await using rig = new VhostRig();
    const { frontend, driver, device } = await rig.attach();
    await driver.open();
    await driver.detach();
    device.events[0]?.event(new DataView(new ArrayBuffer(136)));
    const again = await MediaDriver.attach(frontend);
    await again.open();
    expect(again.stats).toMatchObject({ events: 0, strayEvents: 0 });
  });
});
