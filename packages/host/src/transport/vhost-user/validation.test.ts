// SPDX-License-Identifier: Apache-2.0
/** What a front-end may get wrong, check by check, on a bare socket: the server must answer or end that connection, and go on. */
import { MediaDriver, VIDIOC_S_INPUT, VIRTIO_MEDIA_CMD_OPEN } from '@paravideo/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Bare, NONE, region, stillServes, u32, u64 } from '../../../test/bare-socket.ts';
import { input, until, VhostRig } from '../../../test/vhost-user-rig.ts';
import { drain, eventfd, mappingsOf, memfd, openDescriptors, send, signal, socketpair } from '../../sys/index.ts';
import { Request } from './index.ts';

describe('framing', () => {
  it.each([
    ['version 0', 1, NONE, { flags: 0 }],
    ['version 3', 1, NONE, { flags: 3 }],
    ['an unknown flag', 1, NONE, { flags: 0x11 }],
    ['a reply', 1, NONE, { flags: 5 }],
    ['a size above the limit', 1, NONE, { size: 4097 }],
    ['the largest size', 1, NONE, { size: 0xffffffff }],
  ] as const)('VU-V1: %s ends the connection', async (_what, request, payload, o) => {
    await using rig = new VhostRig();
    using bare = new Bare(rig.path);
    bare.message(request, payload, o);
    expect(await bare.receive()).toBe('closed');
    expect(rig.logged('VU-V1').length).toBe(1);
    await stillServes(rig);
  });

  it('VU-V1: a stream that ends inside a message ends the connection', async () => {
    await using rig = new VhostRig();
    using bare = new Bare(rig.path);
    send(bare.fd, Uint8Array.of(1, 0, 0));
    await until(() => rig.server.connected, 'connection');
    bare[Symbol.dispose]();
    await until(() => rig.logged('VU-V1').length === 1, 'the end');
  });

  it('VU-V1: messages may come byte by byte, and many at once', async () => {
    await using rig = new VhostRig();
    using bare = new Bare(rig.path);
    for (const byte of u32(1, 1, 0)) send(bare.fd, Uint8Array.of(byte));
    expect(await bare.receive()).toMatchObject({ byteLength: 20 });
    const many = new Uint8Array(12 * 100);
    for (let i = 0; i < 100; i++) many.set(u32(1, 1, 0), 12 * i);
    send(bare.fd, many);
    let bytes = 0;
    while (bytes < 2000) {
      const got = await bare.receive();
      if (got === 'closed') throw new RangeError('closed');
      bytes += got.byteLength;
    }
    expect(bytes).toBe(2000);
  });

  it.each([
    ['SET_FEATURES', Request.SET_FEATURES, new Uint8Array(4)],
    ['GET_FEATURES', Request.GET_FEATURES, new Uint8Array(8)],
    ['SET_VRING_ADDR', Request.SET_VRING_ADDR, new Uint8Array(39)],
    ['GET_CONFIG of 40 bytes without room for them', Request.GET_CONFIG, u32(0, 40, 0)],
    ['SET_MEM_TABLE of two regions with one', Request.SET_MEM_TABLE, new Uint8Array([...u32(2, 0), ...new Uint8Array(32)])],
    ['SET_MEM_TABLE of nine regions', Request.SET_MEM_TABLE, new Uint8Array([...u32(9, 0), ...new Uint8Array(288)])],
    ['an empty SET_MEM_TABLE', Request.SET_MEM_TABLE, NONE],
  ])('VU-V2: %s ends the connection', async (_what, request, payload) => {
    await using rig = new VhostRig();
    using bare = new Bare(rig.path);
    await bare.negotiate();
    bare.message(request, payload);
    expect(await bare.receive()).toBe('closed');
    expect(rig.logged('VU-V2').length).toBe(1);
    await stillServes(rig);
  });

  it('VU-V3: missing descriptors are refused, surplus ones are closed', async () => {
    await using rig = new VhostRig();
    using bare = new Bare(rig.path);
    await bare.negotiate();
    using memory = memfd('surplus', 1 << 20);
    using bell = eventfd();
    expect(await bare.ack(Request.ADD_MEM_REG, region(0, 1 << 20, 0, 0))).toBe(1);
    expect(await bare.ack(Request.SET_VRING_KICK, u64(0))).toBe(1);
    expect(await bare.ack(Request.SET_BACKEND_REQ_FD, NONE)).toBe(1);
    expect(await bare.ack(Request.SET_VRING_KICK, u64(0), [memory])).toBe(1);
    expect(await bare.ack(Request.SET_BACKEND_REQ_FD, NONE, [memory])).toBe(1);
    const before = openDescriptors();
    expect(await bare.ack(Request.SET_OWNER, NONE, [bell, memory])).toBe(0);
    expect(
      await bare.ack(
        Request.SET_OWNER,
        NONE,
        Array.from({ length: 40 }, () => memory),
      ),
    ).toBe(0);
    expect(await bare.ack(Request.REM_MEM_REG, region(0, 1, 0, 0), [memory])).toBe(1);
    expect(await bare.ack(99, NONE, [memory, memory])).toBe(1);
    expect(openDescriptors()).toBe(before);
    expect(await bare.ack(Request.ADD_MEM_REG, region(0, 1 << 20, 0, 0), [memory, memory])).toBe(0);
    expect(openDescriptors()).toBe(before);
    expect(mappingsOf('/memfd:surplus')).toBe(1);
  });

  it('VU-V4: what was not offered or not agreed on is refused; unknown requests are ignored or acknowledged with a failure', async () => {
    await using rig = new VhostRig();
    {
      using bare = new Bare(rig.path);
      bare.message(200, NONE, { flags: 9 });
      bare.message(Request.SET_FEATURES, u64(1n << 34n), { flags: 9 });
      bare.message(Request.SET_PROTOCOL_FEATURES, u64(1n << 21n), { flags: 9 });
      bare.message(Request.RESET_DEVICE, NONE, { flags: 9 });
      bare.message(Request.GET_FEATURES, NONE);
      const got = await bare.receive();
      expect(got).toMatchObject({ byteLength: 20 });
      expect(rig.logged('VU-V4').length).toBe(4);
    }
    await until(() => !rig.server.connected, 'the end');
    using bare = new Bare(rig.path);
    await bare.negotiate(['RESET_DEVICE', 'CONFIG']);
    expect(await bare.ack(200, NONE)).toBe(1);
    expect(await bare.ack(Request.RESET_DEVICE, NONE)).toBe(1);
    expect(await bare.ack(Request.SET_STATUS, u64(1))).toBe(1);
    expect(await bare.ack(Request.SET_FEATURES, u64(1n << 34n))).toBe(1);
    bare.message(Request.GET_CONFIG, new Uint8Array([...u32(0, 4, 0), 0, 0, 0, 0]));
    expect(await bare.receive()).toBe('closed');
  });

  it('STATUS is not offered unless asked for, and SET_STATUS 0 is no reset', async () => {
    await using rig = new VhostRig({ status: true });
    using bare = new Bare(rig.path);
    await bare.negotiate();
    expect(await bare.ack(Request.SET_STATUS, u64(15))).toBe(0);
    expect(await bare.ack(Request.SET_STATUS, u64(0))).toBe(0);
    bare.message(Request.GET_STATUS, NONE);
    expect(await bare.receive()).toMatchObject({ byteLength: 20 });
    expect(await bare.ack(Request.RESET_OWNER, NONE)).toBe(0);
  });
});

describe('memory and rings', () => {
  it('VU-V5: impossible, overlapping and too large regions are refused; the table stays as it was', async () => {
    await using rig = new VhostRig();
    using bare = new Bare(rig.path);
    await bare.negotiate();
    using memory = memfd('regions', 1 << 20);
    const top = 2n ** 64n;
    for (const payload of [
      region(0, 0, 0, 0),
      region(top - 4096n, 8192, 0, 0),
      region(2n ** 53n - 4096n, 8192, 0, 0),
      region(2n ** 60n, 4096, 0, 0),
      region(0, 8192, top - 4096n, 0),
      region(0, 4096, 0, top - 4096n),
      region(0, 4096, 0, 1 << 20),
      region(0, (1 << 20) + 1, 0, 0),
      region(0, 2n ** 52n, 0, 0),
    ]) {
      expect(await bare.ack(Request.ADD_MEM_REG, payload, [memory])).toBe(1);
    }
    expect(await bare.ack(Request.ADD_MEM_REG, region(4096, 8192, 0, 4096), [memory])).toBe(0);
    expect(await bare.ack(Request.ADD_MEM_REG, region(8192, 4096, 2 ** 40, 0), [memory])).toBe(1);
    expect(await bare.ack(Request.REM_MEM_REG, region(4096, 4096, 0, 0))).toBe(1);
    const table = (...regions: Uint8Array[]) =>
      new Uint8Array([...u32(regions.length, 0), ...regions.flatMap((r) => [...r.subarray(8)])]);
    const overlapping = table(region(0, 8192, 0, 0), region(4096, 8192, 2 ** 40, 0));
    expect(await bare.ack(Request.SET_MEM_TABLE, overlapping, [memory, memory])).toBe(1);
    const oneBad = table(region(0, 8192, 0, 0), region(8192, 1 << 24, 2 ** 40, 0));
    expect(await bare.ack(Request.SET_MEM_TABLE, oneBad, [memory, memory])).toBe(1);
    expect(rig.server.guest?.table.size).toBe(1);
    expect(rig.server.guest?.memory.covers(4096, 8192)).toBe(true);
    expect(await bare.ack(Request.REM_MEM_REG, region(4096, 8192, 0, 0))).toBe(0);
    expect(mappingsOf('/memfd:regions')).toBe(0);
    expect(
      await bare.ack(Request.SET_MEM_TABLE, table(region(0, 8192, 0, 0), region(8192, 4096, 2 ** 40, 0)), [memory, memory]),
    ).toBe(0);
    expect(await bare.ack(Request.SET_MEM_TABLE, table())).toBe(0);
    expect(mappingsOf('/memfd:regions')).toBe(0);
    expect(new Set(rig.lines.filter((line) => line.level === 'warn').map((line) => line.fields.check))).toEqual(
      new Set(['VU-V5']),
    );
  });

  it('VU-V6: rings that do not exist and sizes that are none are refused', async () => {
    await using rig = new VhostRig();
    using bare = new Bare(rig.path);
    await bare.negotiate();
    for (const [index, size] of [
      [0, 0],
      [0, 3],
      [0, 2048],
      [0, 0xffffffff],
      [2, 64],
      [0xffffffff, 64],
    ] as const) {
      expect(await bare.ack(Request.SET_VRING_NUM, u32(index, size)), `ring ${index} of ${size}`).toBe(1);
    }
    expect(await bare.ack(Request.SET_VRING_ENABLE, u32(0, 2))).toBe(1);
    expect(await bare.ack(Request.SET_VRING_CALL, u64(0x102))).toBe(1);
    expect(await bare.ack(Request.SET_VRING_NUM, u32(1, 1024))).toBe(0);
    bare.message(Request.GET_VRING_BASE, u32(7, 0));
    expect(await bare.receive()).toBe('closed');
  });

  it('VU-V6: a running ring keeps its size, addresses and base', async () => {
    await using rig = new VhostRig();
    const { frontend, driver } = await rig.attach();
    await expect(frontend.request('SET_VRING_NUM', u32(0, 64))).rejects.toThrow(/refused/);
    await expect(frontend.request('SET_VRING_BASE', u32(0, 64))).rejects.toThrow(/refused/);
    await expect(frontend.request('SET_VRING_ADDR', new Uint8Array(40))).rejects.toThrow(/refused/);
    await expect(frontend.request('SET_FEATURES', u64(1n << 32n))).rejects.toThrow(/refused/);
    await driver.open();
  });

  it('VU-V7: misaligned ring addresses are refused, and rings outside memory do not start', async () => {
    await using rig = new VhostRig();
    using bare = new Bare(rig.path);
    await bare.negotiate();
    using memory = memfd('rings', 1 << 16);
    using bell = eventfd();
    const address = (d: number, u: number, a: number) => new Uint8Array([...u32(0, 0), ...u64(d, u, a, 0)]);
    expect(await bare.ack(Request.SET_VRING_ADDR, address(8, 0, 0))).toBe(1);
    expect(await bare.ack(Request.SET_VRING_ADDR, address(0, 2, 0))).toBe(1);
    expect(await bare.ack(Request.SET_VRING_ADDR, address(0, 0, 1))).toBe(1);
    expect(await bare.ack(Request.ADD_MEM_REG, region(0, 1 << 16, 0, 0), [memory])).toBe(0);
    await bare.ack(Request.SET_VRING_NUM, u32(0, 64));
    await bare.ack(Request.SET_VRING_KICK, u64(0), [bell]);
    await bare.ack(Request.SET_VRING_ENABLE, u32(0, 1));
    for (const [d, u, a] of [
      [65536 - 16, 4096, 8192],
      [0, 65536 - 64, 8192],
      [0, 4096, 65536 - 64],
      [2 ** 40, 4096, 8192],
    ] as const) {
      expect(await bare.ack(Request.SET_VRING_ADDR, address(d, u, a))).toBe(0);
      expect(rig.server.guest?.rings[0]?.state).toBe('waiting');
    }
    expect(await bare.ack(Request.SET_VRING_ADDR, address(0, 4096, 8192))).toBe(0);
    expect(rig.server.guest?.rings[0]?.state).toBe('running');
  });

  it.each<
    readonly [
      what: string,
      index: number,
      head: number,
      chain: readonly (readonly [offset: number, length: number, flags: number, next: number])[],
    ]
  >([
    ['VU-V8: an available index that jumps', 17, 0, []],
    ['VU-V8: a head outside the ring', 1, 16, []],
    [
      'VU-V9: a chain that never ends',
      1,
      0,
      [
        [0, 8, 1, 1],
        [0, 8, 1, 0],
      ],
    ],
    ['VU-V10: an address outside memory', 1, 0, [[2 ** 45, 8, 0, 0]]],
    ['VU-V10: an address that overflows', 1, 0, [[2 ** 53 - 8, 0xffffffff, 0, 0]]],
    [
      'VU-V11: a readable descriptor after a writable one',
      1,
      0,
      [
        [0, 8, 3, 1],
        [0, 8, 0, 0],
      ],
    ],
    ['VU-V11: an indirect table of 15 bytes', 1, 0, [[0, 15, 4, 0]]],
  ])(
    '%s breaks the ring, is told on the error descriptor, and the ring works when it is set up anew',
    async (_what, index, head, chain) => {
      await using rig = new VhostRig();
      const { frontend, driver } = await rig.attach();
      await driver.open();
      const block = frontend.allocate(8192);
      const view = new DataView(block.bytes.buffer, block.bytes.byteOffset);
      for (const [i, [offset, length, flags, next]] of chain.entries()) {
        view.setBigUint64(16 * i, BigInt(offset >= 2 ** 40 ? offset : block.address + 7168 + offset), true);
        view.setUint32(16 * i + 8, length, true);
        view.setUint16(16 * i + 12, flags, true);
        view.setUint16(16 * i + 14, next, true);
      }
      await driver.detach();
      await frontend.startQueue(0, {
        size: 16,
        descriptors: block.address,
        available: block.address + 4096,
        used: block.address + 6144,
      });
      view.setUint16(4096 + 4, head, true);
      view.setUint16(4096 + 2, index, true);
      frontend.notify(0);
      await until(() => frontend.ringError(0), 'the error descriptor');
      expect(rig.server.guest?.rings[0]?.state).toBe('broken');
      expect(rig.logged('warn').length).toBe(1);
      frontend.notify(0);
      expect((await frontend.readConfig(0, 40)).length).toBe(40);
      await frontend.stopQueue(0);
      const again = await MediaDriver.attach(frontend);
      expect((await again.open()).state).toBe('open');
    },
  );

  it('VU-V12, VU-V13: commands of any bytes get an answer no longer than their writable part', async () => {
    await using rig = new VhostRig();
    const { driver } = await rig.attach();
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 200 }),
        fc.nat(5),
        fc.integer({ min: 0, max: 300 }),
        async (bytes, cmd, writable) => {
          const readable = new Uint8Array([cmd, 0, 0, 0, ...bytes]);
          const reply = await driver.raw({ readable, writable });
          expect(reply.used).toBeLessThanOrEqual(writable);
        },
      ),
      { numRuns: 300 },
    );
    const reply = await driver.raw({ readable: Uint8Array.of(VIRTIO_MEDIA_CMD_OPEN, 0, 0, 0, 0, 0, 0, 0), writable: 16 });
    expect(reply.used).toBeGreaterThanOrEqual(8);
    expect(rig.logged('error')).toEqual([]);
  });

  it('VU-V15: configuration reads outside the 40 bytes are answered with an empty payload, writes are refused', async () => {
    await using rig = new VhostRig();
    const frontend = await rig.connect();
    for (const [offset, length] of [
      [0, 41],
      [40, 1],
      [39, 2],
      [0, 256],
      [0, 0],
    ] as const) {
      expect((await frontend.readConfig(offset, length)).length, `${offset}+${length}`).toBe(0);
    }
    expect((await frontend.readConfig(36, 4)).length).toBe(4);
    const overflow = new Uint8Array([...u32(0xfffffffe, 4, 0), 0, 0, 0, 0]);
    expect((await frontend.request('GET_CONFIG', overflow)).byteLength).toBe(0);
    await expect(frontend.request('SET_CONFIG', new Uint8Array([...u32(0, 4, 0), 0, 0, 0, 0]))).rejects.toThrow(/refused/);
    await frontend.request('SET_CONFIG', new Uint8Array([...u32(0, 4, 1), 0, 0, 0, 0]));
  });

  it('VU-V16: kicks without end keep neither the control channel nor other rings from being served', async () => {
    await using rig = new VhostRig();
    const { frontend, driver } = await rig.attach();
    const session = await driver.open();
    let storming = true;
    const storm = (): void => {
      if (!storming) return;
      for (let i = 0; i < 100; i++) frontend.notify(i % 2);
      setImmediate(storm);
    };
    storm();
    for (let i = 0; i < 50; i++) {
      expect((await frontend.readConfig(0, 40)).length).toBe(40);
      expect((await session.ioctl(VIDIOC_S_INPUT, input(0))).errno).toBe(0);
    }
    storming = false;
  });

  it('VU-V16: a kick descriptor that is always readable is no doorbell and is given up', async () => {
    await using rig = new VhostRig();
    using bare = new Bare(rig.path);
    await bare.negotiate();
    const [ours, theirs] = socketpair();
    await bare.ack(Request.SET_VRING_KICK, u64(0), [theirs]);
    theirs.close();
    ours.close();
    await until(() => rig.lines.some((line) => line.message.includes('VU-V16')), 'the watch to end');
    using bell = eventfd();
    expect(await bare.ack(Request.SET_VRING_KICK, u64(0), [bell])).toBe(0);
    signal(bell);
    await until(() => !drain(bell), 'the kick to be taken');
  });

  it('VU-V17: a front-end that never reads its answers is cut off', async () => {
    await using rig = new VhostRig();
    using bare = new Bare(rig.path);
    await bare.negotiate();
    const flood = new Uint8Array(12 * 1000);
    for (let i = 0; i < 1000; i++) flood.set(u32(Request.GET_SHMEM_CONFIG, 1, 0), 12 * i);
    await until(() => {
      send(bare.fd, flood);
      return rig.logged('VU-V17').length === 1;
    }, 'the end');
    await stillServes(rig);
  });

  it('VU-V17: no more than 509 regions of memory are taken', async () => {
    await using rig = new VhostRig();
    using bare = new Bare(rig.path);
    await bare.negotiate();
    using memory = memfd('many', 4096);
    for (let i = 0; i < 509; i++)
      expect(await bare.ack(Request.ADD_MEM_REG, region(4096 * i, 4096, 4096 * i, 0), [memory])).toBe(0);
    expect(await bare.ack(Request.ADD_MEM_REG, region(4096 * 509, 4096, 4096 * 509, 0), [memory])).toBe(1);
    expect(mappingsOf('/memfd:many')).toBe(509);
  });
});
