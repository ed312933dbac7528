// SPDX-License-Identifier: Apache-2.0
import { DeviceQueue, ringBytes } from '@paravideo/core';
import { expect, it } from 'vitest';
import { HostGuestMemory } from '../../memory/index.ts';
import { eventfd, MemoryMapping, memfd, signal } from '../../sys/index.ts';
import type { MemoryTable } from './memory-table.ts';
import { Vring } from './vring.ts';

const log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

it('kicks that come during a backlog start no second turn: the rest has one in each round of the event loop', async () => {
  using memory = new HostGuestMemory();
  using fd = memfd('ram', 1 << 16);
  memory.addMapping(0x10_0000, MemoryMapping.map(fd, 0, 1 << 16, { writable: true }));
  const table = { guestAddress: (address: bigint) => Number(address) } as unknown as MemoryTable;
  let kicks = 0;
  let rounds = 0;
  using ring = new Vring(0, 'answered', new DeviceQueue(memory, { indirect: false, eventIdx: false }), {
    table,
    log,
    kick: () => {
      kicks++;
      return rounds < 20;
    },
  });
  const bytes = ringBytes(64);
  ring.setSize(64);
  ring.setAddresses({
    descriptors: 0x10_0000n,
    available: BigInt(0x10_0000 + bytes.descriptors),
    used: BigInt(0x10_0000 + 0x4000),
  });
  const doorbell = eventfd();
  ring.setKick(doorbell);
  ring.enable(true);
  expect(ring.start()).toBe(true);
  ring.look();
  for (let i = 0; i < 10; i++) ring.look();
  expect(kicks).toBe(1);
  for (; rounds < 20; rounds++) {
    signal(doorbell);
    await new Promise((resolve) => setImmediate(resolve));
  }
  // One of the backlog's own a round, none of the doorbell's; the first look was before them, one may follow them.
  expect(kicks).toBeGreaterThanOrEqual(20);
  expect(kicks).toBeLessThanOrEqual(22);
});
