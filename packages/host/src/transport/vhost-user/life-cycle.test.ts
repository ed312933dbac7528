// SPDX-License-Identifier: Apache-2.0
/** Pause, reset, hot-plug, shared memory: what a VMM does with a device, from a front-end's side of the socket. */
import { MediaDriver, VIDIOC_S_INPUT } from '@paravideo/core';
import { describe, expect, it } from 'vitest';
import { input, until, VhostRig } from '../../../test/vhost-user-rig.ts';
import { drain, eventfd, mappingsOf, socketpair } from '../../sys/index.ts';

const MIB = 1 << 20;

describe('rings', () => {
  it('stop and go on where they stopped; sessions, mappings and unanswered events survive', async () => {
    await using rig = new VhostRig();
    const { frontend, driver, device } = await rig.attach();
    const session = await driver.open();
    const mapping = await session.mmap(device.blocks[0]?.offset ?? -1);
    mapping.bytes[5] = 55;
    for (let round = 0; round < 3; round++) {
      const bases = [await frontend.stopQueue(0), await frontend.stopQueue(1)];
      expect(bases).toEqual([2 + round, round]);
      device.events[0]?.event(new DataView(new ArrayBuffer(136)));
      expect(driver.stats.events).toBe(round);
      await frontend.resumeQueue(1);
      await frontend.resumeQueue(0);
      await until(() => driver.stats.events === round + 1, 'the event that waited');
      expect((await session.ioctl(VIDIOC_S_INPUT, input(0))).errno).toBe(0);
    }
    expect(mapping.bytes[5]).toBe(55);
    expect(device.sessions).toBe(1);
    expect(rig.logged('warn')).toEqual([]);
  });

  it('GET_VRING_BASE waits for commands that are not answered yet', async () => {
    await using rig = new VhostRig();
    const { frontend, driver, device } = await rig.attach();
    const session = await driver.open();
    const order: string[] = [];
    let finish: (status: number) => void = () => {};
    device.onInput = () =>
      new Promise((resolve) => {
        finish = resolve;
      });
    const command = session.ioctl(VIDIOC_S_INPUT, input(0)).then(() => order.push('answered'));
    await until(() => finish.length === 1, 'the command');
    const stopped = frontend.stopQueue(0).then((base) => order.push(`stopped at ${base}`));
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(order).toEqual([]);
    finish(0);
    await stopped;
    await command;
    expect(order.sort()).toEqual(['answered', 'stopped at 2']);
  });

  it('a disabled ring takes nothing, and what is there is seen when it is enabled (P16)', async () => {
    await using rig = new VhostRig();
    const { frontend, driver, device } = await rig.attach();
    const session = await driver.open();
    await frontend.request('SET_VRING_ENABLE', Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0));
    let seen = 0;
    device.onInput = () => {
      seen += 1;
      return 0;
    };
    const command = session.ioctl(VIDIOC_S_INPUT, input(0));
    await frontend.readConfig(0, 40);
    expect(seen).toBe(0);
    await frontend.request('SET_VRING_ENABLE', Uint8Array.of(0, 0, 0, 0, 1, 0, 0, 0));
    expect((await command).errno).toBe(0);
  });

  it('P16: commands that were queued before the ring started are answered without a kick', async () => {
    await using rig = new VhostRig();
    const frontend = await rig.connect();
    const driver = await MediaDriver.create(frontend);
    const open = driver.open();
    await driver.start();
    expect((await open).state).toBe('open');
  });

  it('are set up in any order, and start when the last piece is there', async () => {
    await using rig = new VhostRig();
    const frontend = await rig.connect();
    await frontend.request('SET_VRING_ENABLE', Uint8Array.of(0, 0, 0, 0, 1, 0, 0, 0));
    await frontend.request('SET_VRING_ENABLE', Uint8Array.of(1, 0, 0, 0, 1, 0, 0, 0));
    const driver = await MediaDriver.attach(frontend);
    await driver.open();
  });

  it('without a kick descriptor are polled', async () => {
    await using rig = new VhostRig();
    const { frontend, driver } = await rig.attach();
    await frontend.request('SET_VRING_KICK', Uint8Array.of(0, 1, 0, 0, 0, 0, 0, 0));
    await driver.open();
    await frontend.stopQueue(0);
  });

  it('SET_VRING_CALL takes a new descriptor and rings it once', async () => {
    await using rig = new VhostRig();
    const { frontend } = await rig.attach();
    using bell = eventfd();
    await frontend.request('SET_VRING_CALL', Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0), [bell]);
    expect(drain(bell)).toBe(true);
    await frontend.request('SET_VRING_CALL', Uint8Array.of(0, 1, 0, 0, 0, 0, 0, 0));
    expect(drain(bell)).toBe(false);
  });
});

describe('resets', () => {
  it('are seen in SET_VRING_BASE: a driver that starts from 0 finds no sessions', async () => {
    await using rig = new VhostRig();
    const { frontend, driver, device } = await rig.attach();
    await driver.open();
    await driver.open();
    expect(device.sessions).toBe(2);
    await driver.detach();
    expect(device.sessions).toBe(2);
    const again = await MediaDriver.attach(frontend);
    expect(device.sessions).toBe(0);
    expect((await again.open()).id).toBeGreaterThanOrEqual(0);
    expect(rig.logged('info').some((line) => line.includes('starts anew'))).toBe(true);
  });

  it('RESET_DEVICE drops sessions, and mappings are made anew', async () => {
    await using rig = new VhostRig();
    const { frontend, driver, device } = await rig.attach();
    const session = await driver.open();
    await session.mmap(device.blocks[0]?.offset ?? -1);
    await frontend.reset();
    expect(device.sessions).toBe(0);
    expect(rig.server.guest?.window.mappings).toBe(0);
    expect(rig.server.guest?.arena.allocated).toBe(0);
    const again = await MediaDriver.attach(frontend);
    const fresh = await again.open();
    const mapping = await fresh.mmap(device.blocks[1]?.offset ?? -1);
    expect(mapping.bytes.length).toBe(100_000);
    expect(rig.logged('warn')).toEqual([]);
  });

  it('a front-end that kept its mappings over a reset is told to drop them', async () => {
    await using rig = new VhostRig();
    const { frontend, driver, device } = await rig.attach();
    const session = await driver.open();
    await session.mmap(device.blocks[0]?.offset ?? -1);
    await driver.detach();
    const again = await MediaDriver.attach(frontend);
    expect(frontend.sharedPieces).toBe(1);
    // The place of the first block is free again once its pages are given back.
    await rig.server.guest?.arena.settled();
    const fresh = await again.open();
    expect(device.blocks[1]?.offset).toBe(device.blocks[0]?.offset);
    await fresh.mmap(device.blocks[1]?.offset ?? -1);
    expect(frontend.sharedPieces).toBe(1);
  });
});

describe('guest memory', () => {
  it('comes and goes while rings run, above 4 GiB too', async () => {
    await using rig = new VhostRig();
    const { frontend, driver } = await rig.attach({
      regions: [
        { address: 5 * 2 ** 30, length: MIB },
        { address: MIB, length: MIB },
      ],
    });
    const session = await driver.open();
    const before = mappingsOf('/memfd:guest-ram');
    for (let i = 0; i < 20; i++) {
      await frontend.addMemory(2 ** 40, 4 * MIB);
      expect(rig.server.guest?.memory.covers(2 ** 40, 4 * MIB)).toBe(true);
      expect((await session.ioctl(VIDIOC_S_INPUT, input(0))).errno).toBe(0);
      await frontend.removeMemory(2 ** 40);
      expect(rig.server.guest?.memory.covers(2 ** 40, 1)).toBe(false);
    }
    expect(mappingsOf('/memfd:guest-ram')).toBe(before);
  });

  it('may come as one table, which SET_MEM_TABLE replaces under running rings', async () => {
    await using rig = new VhostRig();
    const { frontend, driver } = await rig.attach({ without: ['CONFIGURE_MEM_SLOTS'] });
    const session = await driver.open();
    await frontend.addMemory(2 ** 40, MIB);
    expect((await session.ioctl(VIDIOC_S_INPUT, input(0))).errno).toBe(0);
    await frontend.removeMemory(2 ** 40);
    expect((await session.ioctl(VIDIOC_S_INPUT, input(0))).errno).toBe(0);
    expect(rig.server.guest?.table.size).toBe(2);
  });

  it('VU-V7: a ring whose memory goes rests, and goes on when it is back', async () => {
    await using rig = new VhostRig();
    const { frontend, driver, device } = await rig.attach();
    const session = await driver.open();
    const ring = frontend.ram.regions[0];
    if (ring === undefined) throw new RangeError('no region');
    const payload = new Uint8Array(40);
    const view = new DataView(payload.buffer);
    view.setBigUint64(8, BigInt(ring.address), true);
    view.setBigUint64(16, BigInt(ring.length), true);
    view.setBigUint64(24, BigInt(ring.userAddress), true);
    let seen = 0;
    device.onInput = () => {
      seen += 1;
      return 0;
    };
    await frontend.request('REM_MEM_REG', payload);
    const command = session.ioctl(VIDIOC_S_INPUT, input(0));
    await frontend.readConfig(0, 40);
    expect(seen).toBe(0);
    await frontend.request('ADD_MEM_REG', payload, [ring.fd]);
    expect((await command).errno).toBe(0);
    expect(seen).toBe(1);
  });

  it('may be a single region from address 0 on', async () => {
    await using rig = new VhostRig();
    const { driver } = await rig.attach({ regions: [{ address: 0, length: 2 * MIB }] });
    await driver.open();
  });
});

describe('shared memory region 0', () => {
  it('VM-DX13: writable and read-only mappings of one plane exist side by side', async () => {
    await using rig = new VhostRig();
    const { frontend, driver, device } = await rig.attach();
    const session = await driver.open();
    const offset = device.blocks[0]?.offset ?? -1;
    const writable = await session.mmap(offset, 'read-write');
    const readable = await session.mmap(offset, 'read');
    expect(readable.driverAddr).not.toBe(writable.driverAddr);
    expect([frontend.sharedAccess(writable.driverAddr), frontend.sharedAccess(readable.driverAddr)]).toEqual([
      'read-write',
      'read',
    ]);
    writable.bytes[99_999] = 7;
    expect(readable.bytes[99_999]).toBe(7);
    expect(rig.server.guest?.arena.mapping.bytes()[offset + 99_999]).toBe(7);
    expect(frontend.sharedPieces).toBe(2);
  });

  it('VM-D6, P14: a mapping outlives its session and surplus MUNMAPs, and goes when nobody counts on it', async () => {
    await using rig = new VhostRig();
    const { frontend, driver, device } = await rig.attach();
    const session = await driver.open();
    const offset = device.blocks[0]?.offset ?? -1;
    const first = await session.mmap(offset);
    const second = await session.mmap(offset);
    expect(second.driverAddr).toBe(first.driverAddr);
    for (let i = 0; i < 5; i++) await session.munmap({ driverAddr: first.driverAddr + 0x2000 });
    expect(frontend.sharedPieces).toBe(1);
    const third = await session.mmap(offset);
    third.bytes.fill(3);
    await session.close();
    expect(third.bytes[0]).toBe(3);
    expect(rig.server.guest?.arena.blocks).toBe(1);
    await session.munmap(third);
    await until(() => frontend.sharedPieces === 0 && rig.server.guest?.arena.blocks === 0, 'block freed');
    await expect(session.munmap(third)).rejects.toMatchObject({ errno: 22 });
  });

  it('P13: without the protocol feature, or what it needs, MMAP is refused', async () => {
    for (const feature of ['SHMEM', 'BACKEND_REQ', 'BACKEND_SEND_FD', 'REPLY_ACK'] as const) {
      await using rig = new VhostRig();
      const { driver, device } = await rig.attach({ without: [feature] });
      const session = await driver.open();
      await expect(session.mmap(device.blocks[0]?.offset ?? -1), feature).rejects.toMatchObject({ errno: 25 });
    }
  });

  it('takes the feature bit of older front-ends, if told so', async () => {
    await using rig = new VhostRig({ oldShmemBit: true });
    const { driver, device } = await rig.attach({ oldShmemBit: true });
    const session = await driver.open();
    expect((await session.mmap(device.blocks[0]?.offset ?? -1)).bytes.length).toBe(100_000);
    const today = new VhostRig({ oldShmemBit: true });
    expect((await today.connect()).has('SHMEM')).toBe(false);
    await today[Symbol.asyncDispose]();
  });

  it('a mapping that the front-end refuses is ENOMEM, and can be asked for again', async () => {
    await using rig = new VhostRig();
    let grant = false;
    const { driver, device } = await rig.attach({ onShared: () => grant });
    const session = await driver.open();
    const offset = device.blocks[0]?.offset ?? -1;
    await expect(session.mmap(offset)).rejects.toMatchObject({ errno: 12 });
    grant = true;
    expect((await session.mmap(offset)).length).toBe(100_000);
  });

  it('deadlock rule: the main channel is served while a SHMEM_MAP waits, and a stop does not wait for it', async () => {
    await using rig = new VhostRig();
    let grant: (yes: boolean) => void = () => {};
    const { frontend, driver, device } = await rig.attach({
      onShared: () =>
        new Promise((resolve) => {
          grant = resolve;
        }),
    });
    const session = await driver.open();
    const offset = device.blocks[0]?.offset ?? -1;
    const refused = expect(session.mmap(offset)).rejects.toMatchObject({ errno: 12 });
    await until(() => grant.length === 1, 'SHMEM_MAP');
    await frontend.addMemory(2 ** 40, MIB);
    expect((await frontend.readConfig(0, 40)).length).toBe(40);
    expect(await frontend.stopQueue(0)).toBe(2);
    await refused;
    grant(true);
    await frontend.resumeQueue(0);
    const mapping = await session.mmap(offset);
    mapping.bytes[0] = 1;
    expect(frontend.sharedPieces).toBe(1);
  });

  it('mappings may become guest memory, as with QEMU', async () => {
    await using rig = new VhostRig();
    const { frontend, driver, device } = await rig.attach({ announceMappings: true });
    const session = await driver.open();
    const mapping = await session.mmap(device.blocks[0]?.offset ?? -1);
    await frontend.readConfig(0, 40);
    expect(rig.server.guest?.table.size).toBe(3);
    mapping.bytes[3] = 42;
    const seen = new Uint8Array(4);
    expect(rig.server.guest?.memory.read(0x80_0000_0000 + mapping.driverAddr, seen)).toBe(true);
    expect(seen[3]).toBe(42);
    await session.close();
    await session.munmap(mapping);
    await until(() => rig.server.guest?.table.size === 2, 'region removed');
  });

  it('when the back-end channel ends, mappings end with it and the device goes on', async () => {
    await using rig = new VhostRig();
    const { frontend, driver, device } = await rig.attach();
    const session = await driver.open();
    const [ours, theirs] = socketpair();
    await frontend.request('SET_BACKEND_REQ_FD', undefined, [theirs]);
    theirs.close();
    ours.close();
    await until(() => rig.lines.some((line) => line.message.includes('channel has ended')), 'the channel to end');
    await expect(session.mmap(device.blocks[0]?.offset ?? -1)).rejects.toMatchObject({ errno: 25 });
    expect((await session.ioctl(VIDIOC_S_INPUT, input(0))).errno).toBe(0);
  });
});
