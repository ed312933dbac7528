// SPDX-License-Identifier: Apache-2.0
import { MediaDriver, VIDIOC_S_INPUT } from '@paravideo/core';
import { describe, expect, it } from 'vitest';
import { input, until, VhostRig } from '../../../test/vhost-user-rig.ts';
import { Fd, memfd, openDescriptors, receive, send, socketpair } from '../../sys/index.ts';
import {
  FLAG_REPLY,
  memory_region,
  memory_table,
  ProtocolFeature,
  Request,
  VHOST_USER_F_PROTOCOL_FEATURES,
  VhostConnection,
} from '../../transport/vhost-user/index.ts';
import { Frontend, FrontendError, SharedRegion } from '../index.ts';

describe('a front-end', () => {
  it('hands out zeroed, aligned guest memory, high first, until there is none left', async () => {
    await using rig = new VhostRig();
    const frontend = await rig.connect({ memoryBytes: 64 * 1024 });
    const first = frontend.allocate(100, 8192);
    expect(first.address % 8192).toBe(0);
    expect(first.address).toBeGreaterThanOrEqual(2 ** 32);
    first.bytes.fill(9);
    first.free();
    first.free();
    const again = frontend.allocate(100, 8192);
    expect(again.address).toBe(first.address);
    expect(again.bytes.every((byte) => byte === 0)).toBe(true);
    again.free();
    const all = Array.from({ length: 16 }, () => frontend.allocate(4096));
    expect(new Set(all.map((block) => block.address)).size).toBe(16);
    expect(() => frontend.allocate(1)).toThrow(FrontendError);
    for (const block of all) block.free();
    expect(frontend.allocate(32 * 1024).bytes.length).toBe(32 * 1024);
  });

  it('accepts only the features it was told to', async () => {
    await using rig = new VhostRig();
    const { frontend, driver } = await rig.attach({ features: { indirect: false }, without: ['MQ', 'RESET_DEVICE'] });
    expect(frontend.features).toEqual({ indirect: false, eventIdx: true });
    expect([frontend.has('MQ'), frontend.has('RESET_DEVICE'), frontend.has('CONFIG')]).toEqual([false, false, true]);
    await frontend.reset();
    await driver.open();
  });

  it('fails its requests, its driver and its memory when the back-end goes', async () => {
    await using rig = new VhostRig();
    const { frontend, driver } = await rig.attach();
    const session = await driver.open();
    const block = frontend.allocate(4096);
    await rig.server.close();
    await expect(session.ioctl(VIDIOC_S_INPUT, input(0))).rejects.toThrow();
    expect(await frontend.closed).toMatch(/closed/);
    expect(block.bytes.length).toBe(0);
    await expect(frontend.readConfig(0, 40)).rejects.toThrow(FrontendError);
    expect(() => frontend.notify(0)).toThrow(/gone/);
    await frontend.close();
  });

  it('refuses a back-end that answers nonsense, and leaves nothing', async () => {
    const before = openDescriptors();
    for (const answer of [
      [1, 5, 4, 0],
      [2, 5, 8, 0, 0],
      [1, 1, 8, 0, 0],
      [1, 5, 8, 0, 0],
    ]) {
      const [ours, theirs] = socketpair();
      const connecting = Frontend.over(ours);
      await until(() => receive(theirs, new Uint8Array(64), 0) !== 'again', 'GET_FEATURES');
      send(theirs, new Uint8Array(new Uint32Array(answer).buffer));
      await expect(connecting).rejects.toThrow();
      theirs.close();
    }
    expect(openDescriptors()).toBe(before);
  });

  it.each([
    ['one by one', ['ADD_MEM_REG', 'ADD_MEM_REG', 'ADD_MEM_REG'], ProtocolFeature.CONFIGURE_MEM_SLOTS],
    ['in a table', ['SET_MEM_TABLE'], ProtocolFeature.CONFIG],
  ] as const)('sends its memory by address, %s: back-ends search in it as it comes', async (_, names, feature) => {
    const [ours, theirs] = socketpair();
    const told: { readonly name: string; readonly addresses: readonly number[] }[] = [];
    const answers = new Map<number, bigint>([
      [Request.GET_FEATURES, (1n << 32n) | (1n << BigInt(VHOST_USER_F_PROTOCOL_FEATURES))],
      [Request.GET_PROTOCOL_FEATURES, 1n << BigInt(feature)],
    ]);
    using backend: VhostConnection = new VhostConnection(theirs, {
      message: ({ request, payload }) => {
        const answer = answers.get(request);
        if (answer !== undefined) backend.send(request, FLAG_REPLY, new Uint8Array(new BigUint64Array([answer]).buffer));
        const at = (offset: number): number => memory_region.fields.guest_addr.get(payload, offset);
        if (request === Request.ADD_MEM_REG) told.push({ name: 'ADD_MEM_REG', addresses: [at(8)] });
        if (request !== Request.SET_MEM_TABLE) return;
        const count = memory_table.fields.regions.get(payload, 0);
        const addresses = Array.from({ length: count }, (__, i) => at(memory_table.size + i * memory_region.size));
        told.push({ name: 'SET_MEM_TABLE', addresses });
      },
      closed: () => {},
    });
    const regions = [0x2_0000_0000, 0x10_0000, 0x1_0000_0000].map((address) => ({ address, length: 65536 }));
    await using frontend = await Frontend.over(ours, { regions });
    await until(() => told.length === names.length, 'the memory');
    expect(told.map(({ name }) => name)).toEqual(names);
    expect(told.flatMap(({ addresses }) => addresses)).toEqual([0x10_0000, 0x1_0000_0000, 0x2_0000_0000]);
    if (names[0] !== 'SET_MEM_TABLE') return;
    await frontend.addMemory(0x1_8000_0000, 65536);
    await until(() => told.length === 2, 'the memory with what was plugged in');
    expect(told[1]?.addresses).toEqual([0x10_0000, 0x1_0000_0000, 0x1_8000_0000, 0x2_0000_0000]);
  });

  it('serves two drivers, one after the other, on one connection', async () => {
    await using rig = new VhostRig();
    const frontend = await rig.connect();
    for (let i = 0; i < 5; i++) {
      const driver = await MediaDriver.attach(frontend);
      const session = await driver.open();
      await session.close();
      await driver.detach();
    }
    expect(rig.devices[0]?.sessions).toBe(0);
  });
});

describe('shared memory region 0 of a front-end', () => {
  it('grants what a careful VMM grants', () => {
    using memory = memfd('shared', 65536);
    using region = new SharedRegion(1 << 20);
    expect(region.map(memory, 0, 65536, 8192, true)).toBe(true);
    for (const [fdOffset, offset, length] of [
      [0, 65536, 8192],
      [0, 61440, 8192],
      [0, 69632, 4096],
      [0, 1 << 20, 4096],
      [0, (1 << 20) - 4096, 8192],
      [61440, 0, 8192],
      [100, 0, 4096],
      [0, 0, 0],
      [0, 0, 100],
      [0, Number.POSITIVE_INFINITY, 4096],
    ] as const) {
      expect(region.map(memory, fdOffset, offset, length, true), `${fdOffset}, ${offset}, ${length}`).toBe(false);
    }
    using closed = Fd.adopt(memory.dup().take());
    expect(region.map(closed, 4096, 0, 4096, false)).toBe(true);
    expect([region.access(0), region.access(65536), region.access(32768)]).toEqual(['read', 'read-write', undefined]);
    expect(region.view(65536, 8193)).toBeUndefined();
    (region.view(65536 + 4096, 1) as Uint8Array)[0] = 5;
    expect(region.view(0, 1)?.[0]).toBe(5);
    expect([region.unmap(65536, 4096), region.unmap(65536, 8192), region.unmap(65536, 8192)]).toEqual([false, true, false]);
    expect(region.pieces).toBe(1);
  });
});
