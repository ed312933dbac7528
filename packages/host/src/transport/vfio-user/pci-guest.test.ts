// SPDX-License-Identifier: Apache-2.0
import { DriverQueue, ringBytes, VIRTIO_RING_F_INDIRECT_DESC } from '@paravideo/core';
import { expect, it } from 'vitest';
import { HookDevice, overMedia } from '../../../test/vhost-user-rig.ts';
import { memfd } from '../../sys/index.ts';
import { PciGuest } from './pci-guest.ts';
import { DMA_FLAG } from './protocol.ts';

const BASE = 0x10_0000;
const SIZE = 256;
const log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

it('doorbells that ring during a backlog start no second turn: the first takes its budget, and the rest has one of its own', async () => {
  await using guest = new PciGuest({
    name: 'test',
    arenaBytes: 1 << 20,
    shared: true,
    make: overMedia((context) => new HookDevice(context)),
    log,
  });
  using fd = memfd('ram', 1 << 20);
  guest.dma.map({ address: BASE, size: 1 << 20, offset: 0, flags: DMA_FLAG.READ | DMA_FLAG.WRITE }, fd);
  const bytes = ringBytes(SIZE);
  const layout = { size: SIZE, descriptors: BASE, available: BASE + bytes.descriptors, used: BASE + 0x4000 };
  expect(guest.function.startQueue(0, layout, 1n << BigInt(VIRTIO_RING_F_INDIRECT_DESC))).toBe(true);
  const driver = new DriverQueue<number>(guest.memory, layout, { indirect: false, eventIdx: false });
  // MUNMAP of nothing: the smallest command there is.
  guest.memory.write(BASE + 0x8000, new Uint8Array(new Uint32Array([5, 0, 0, 0]).buffer));
  for (let i = 0; i < SIZE; i++) driver.add([{ address: BASE + 0x8000, length: 16 }], [], i);
  driver.flush();
  guest.function.ring([0]);
  guest.function.work();
  const first = guest.device.stats.commands;
  expect(first).toBeGreaterThan(0);
  expect(first).toBeLessThanOrEqual(128);
  for (let i = 0; i < 10; i++) {
    guest.function.ring([0]);
    guest.function.work();
  }
  expect(guest.device.stats.commands).toBe(first);
  await expect.poll(() => guest.device.stats.commands).toBe(SIZE);
});
