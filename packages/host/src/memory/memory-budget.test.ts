// SPDX-License-Identifier: Apache-2.0
import { expect, it } from 'vitest';
import { MemoryMapping, memfd } from '../sys/index.ts';
import { Arena } from './arena.ts';
import { HostGuestMemory } from './host-guest-memory.ts';
import { GuestBudgets } from './memory-budget.ts';

const budgets = () =>
  new GuestBudgets({ buffers: { guest: 1 << 20, all: 1.5 * (1 << 20) }, addresses: { guest: 1 << 20, all: 1.5 * (1 << 20) } });

it('buffers count for the guest and for all guests, and are given back one by one or with the arena', async () => {
  const all = budgets();
  const [first, second] = [all.of(undefined), all.of(undefined)];
  const one = Arena.create('one', 1 << 24, undefined, first.buffers);
  using two = Arena.create('two', 1 << 24, undefined, second.buffers);
  const block = one.allocate(600_000);
  expect([block?.length, first.buffers.used]).toEqual([600_000, 10 * 65_536]);
  expect(one.allocate(600_000)).toBeUndefined();
  expect(one.allocate(6 * 65_536)?.length).toBe(6 * 65_536);
  expect([two.allocate(600_000), two.allocate(8 * 65_536)?.length]).toEqual([undefined, 8 * 65_536]);
  block?.release();
  await one.settled();
  expect(first.buffers.used).toBe(6 * 65_536);
  expect(two.allocate(8 * 65_536)?.length).toBe(8 * 65_536);
  one[Symbol.dispose]();
  expect([first.buffers.used, second.buffers.used, second.buffers.room]).toEqual([0, 1 << 20, 0]);
});

it('connections of one virtual machine share a budget, others have their own', () => {
  const all = budgets();
  const [a, b, other] = [all.of('vm1'), all.of('vm1'), all.of('vm2')];
  expect(a.buffers.take(1 << 20)).toBe(true);
  expect([b.buffers.take(1), other.buffers.take(1)]).toEqual([false, true]);
  expect(all.of(undefined).buffers.take(1 << 19)).toBe(false);
});

it('the addresses of announced memory count, and a region too many is refused by name, value and remedy', () => {
  const { addresses } = budgets().of(undefined);
  using memory = new HostGuestMemory('checked', {}, addresses);
  using fd = memfd('ram', 1 << 20);
  const map = (bytes: number): MemoryMapping => MemoryMapping.map(fd, 0, bytes, { writable: true });
  memory.addMapping(0, map(768 << 10));
  using surplus = map(512 << 10);
  expect(() => memory.addMapping(1 << 20, surplus)).toThrow(/524288 bytes beside 786432 .*1048576.*guest-addresses/);
  expect([memory.regions.length, memory.mayBecome(1 << 20), memory.mayBecome((1 << 20) + 1)]).toEqual([1, true, false]);
  memory.clear();
  expect(addresses.used).toBe(0);
});
