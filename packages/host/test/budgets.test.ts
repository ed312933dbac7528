// SPDX-License-Identifier: Apache-2.0
/** The memory of guests, through a socket: what is beyond it is refused, and nothing of it is left when a guest has gone. */
import { IoctlError, MediaDriver, V4L2_BUF_TYPE_VIDEO_CAPTURE } from '@paravideo/core';
import { expect, it } from 'vitest';
import { DaemonProcess } from '../src/daemon/index.ts';
import { connectFrontend, FrontendError } from '../src/frontend/index.ts';
import { GuestBudgets } from '../src/memory/index.ts';
import { VhostRig } from './vhost-user-rig.ts';

const MiB = 1 << 20;

it('more guest memory than a guest may have is refused with the remedy', async () => {
  const budgets = new GuestBudgets({ buffers: { guest: MiB, all: MiB }, addresses: { guest: 4 * MiB, all: 8 * MiB } });
  const guest = budgets.of('vm1');
  await using rig = new VhostRig({ camera: true, budget: () => guest });
  await expect(rig.connect({ memoryBytes: 8 * MiB })).rejects.toThrow(FrontendError);
  expect(rig.logged('warn').join('\n')).toContain('raise guest-addresses or all-addresses');
  await expect.poll(() => guest.addresses.used).toBe(0);
  await rig.connect({ memoryBytes: 2 * MiB });
  expect(guest.addresses.used).toBe(2 * MiB);
});

it('buffers beyond those of a guest get ENOMEM, and are had again when its other connection has gone', async () => {
  const budgets = new GuestBudgets({ buffers: { guest: MiB, all: 4 * MiB }, addresses: { guest: 1e12, all: 1e12 } });
  await using first = new VhostRig({ camera: true, budget: () => budgets.of('vm1') });
  await using second = new VhostRig({ camera: true, budget: () => budgets.of('vm1') });
  const buffers = async (rig: VhostRig) => {
    const { driver, frontend } = await rig.attach();
    const session = await driver.open();
    return { frontend, ask: (count: number) => session.reqbufs(V4L2_BUF_TYPE_VIDEO_CAPTURE, count) };
  };
  const a = await buffers(first);
  const b = await buffers(second);
  const all = await a.ask(32);
  // A buffer takes 64 KiB of the arena at least.
  expect(all.count).toBeLessThan(17);
  expect(budgets.of('vm1').buffers.used).toBeGreaterThan(0);
  await expect(b.ask(1)).rejects.toThrow(IoctlError);
  await a.frontend.close();
  await expect.poll(() => budgets.of('vm1').buffers.used).toBe(0);
  expect((await b.ask(1)).count).toBe(1);
});

it('frames of a camera count for the guest that streams: STREAMON gets ENOMEM beyond its memory, until its other connection has gone', async () => {
  // Eight frames of 720p in NV12 are 11 MB, four buffers 5.5 MB.
  await using daemon = await DaemonProcess.start([{ kind: 'camera', name: 'camera', sockets: 2, size: '1280x720', vm: 'vm1' }], {
    'guest-buffers': '24MiB',
  });
  const open = async (path: string) => {
    const frontend = await connectFrontend(path, { memoryBytes: 16 * MiB });
    const session = await (await MediaDriver.attach(frontend)).open();
    await session.reqbufs(V4L2_BUF_TYPE_VIDEO_CAPTURE, 4);
    return { frontend, on: () => session.streamon(V4L2_BUF_TYPE_VIDEO_CAPTURE) };
  };
  const [a, b] = [await open(daemon.socket('camera', 0)), await open(daemon.socket('camera', 1))];
  await a.on();
  await expect(b.on()).rejects.toThrow(/ENOMEM/);
  await a.frontend.close();
  await expect
    .poll(
      async () =>
        b.on().then(
          () => true,
          () => false,
        ),
      { timeout: 60_000 },
    )
    .toBe(true);
  await b.frontend.close();
});
