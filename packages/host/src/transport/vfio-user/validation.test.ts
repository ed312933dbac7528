// SPDX-License-Identifier: Apache-2.0
import { constants } from 'node:os';
import { VIDIOC_S_INPUT, VirtioStatus, virtio_pci_common_cfg } from '@paravideo/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BareVfio, VfioRig } from '../../../test/vfio-user-rig.ts';
import { input, until } from '../../../test/vhost-user-rig.ts';
import {
  accessPayload,
  deviceInfoPayload,
  irqInfoPayload,
  mapPayload,
  regionInfoPayload,
  setIrqsPayload,
  unmapPayload,
  versionPayload,
} from '../../frontend/index.ts';
import { drain, eventfd, type Fd, fileSize, mappingsOf, memfd, openDescriptors, socketpair } from '../../sys/index.ts';
import { Command, DmaTable, IRQ_SET, MAX_DMA_MAPS, type PciGuest, VfioInterrupts } from './index.ts';

const { EEXIST, EINVAL, EMFILE, ENOENT, ENOSPC, EOPNOTSUPP } = constants.errno;
const NONE = new Uint8Array(0);
const STATUS = virtio_pci_common_cfg.fields.device_status.offset;
const RW = 3;

function words(...values: number[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(4 * values.length));
  for (const [i, value] of values.entries()) view.setUint32(4 * i, value, true);
  return new Uint8Array(view.buffer);
}

async function greeted(rig: VfioRig): Promise<BareVfio> {
  await until(() => rig.server.free, 'the last connection to end');
  const bare = new BareVfio(rig.path);
  await bare.greet();
  return bare;
}

function guestOf(rig: VfioRig): PciGuest {
  const { guest } = rig.server;
  if (guest === undefined) throw new RangeError('nobody is connected');
  return guest;
}

describe('the greeting', () => {
  it('answers with version 0.0 and capabilities that end with NUL, also to a client of a later minor version', async () => {
    await using rig = new VfioRig();
    for (const minor of [0, 1]) {
      await until(() => rig.server.free, 'the last connection to end');
      using bare = new BareVfio(rig.path);
      const payload = versionPayload();
      payload[2] = minor;
      const got = await bare.ask('VERSION', payload);
      if (typeof got !== 'object') throw new RangeError(String(got));
      expect(got.payload.getUint32(0, true)).toBe(0);
      const text = new TextDecoder().decode(new Uint8Array(got.payload.buffer, 20, got.payload.byteLength - 4));
      expect(text.endsWith('\0')).toBe(true);
      expect(JSON.parse(text.slice(0, -1))).toEqual({
        capabilities: { max_msg_fds: 16, max_data_xfer_size: 1 << 20, write_multiple: true },
      });
    }
  });

  it.each<[string, number, Uint8Array, object]>([
    ['another command first', Command.DEVICE_GET_INFO, deviceInfoPayload(), {}],
    ['another major version', Command.VERSION, words(1), {}],
    ['capabilities without NUL', Command.VERSION, new Uint8Array([0, 0, 0, 0, 0x7b, 0x7d]), {}],
    ['capabilities that are no JSON', Command.VERSION, new Uint8Array([0, 0, 0, 0, 0x7b, 0]), {}],
    ['capabilities that are no object', Command.VERSION, new Uint8Array([0, 0, 0, 0, 0x31, 0]), {}],
    ['half a version', Command.VERSION, new Uint8Array(2), {}],
    ['a size below that of the header', Command.VERSION, NONE, { size: 15 }],
    ['a size beyond all messages', Command.VERSION, NONE, { size: 0x7fff_ffff }],
    ['a reply', Command.VERSION, words(0), { flags: 1 }],
    ['flags that do not exist', Command.VERSION, words(0), { flags: 0x40 }],
  ])('of %s ends the connection, and that only', async (_what, command, payload, o) => {
    await using rig = new VfioRig();
    using bare = new BareVfio(rig.path);
    bare.message(command, payload, o);
    expect(await bare.receive()).toBe('closed');
    expect(rig.logged('warn').length).toBe(1);
    await rig.stillServes();
  });
});

describe('messages that make no sense end the connection, and that only', () => {
  it.each<[string, number, Uint8Array, object]>([
    ['a second greeting', Command.VERSION, versionPayload(), {}],
    ['a short DMA_MAP', Command.DMA_MAP, new Uint8Array(31), {}],
    ['a long DEVICE_RESET', Command.DEVICE_RESET, new Uint8Array(1), {}],
    ['a write of more bytes than came', Command.REGION_WRITE, accessPayload(0, 0, 8, new Uint8Array(4)), {}],
    ['a write of fewer bytes than came', Command.REGION_WRITE, accessPayload(0, 0, 2, new Uint8Array(4)), {}],
    ['a list of writes that is too short', Command.REGION_WRITE_MULTI, words(2, 0, 0, 0, 0, 1, 0, 0), {}],
    [
      'too long a list of writes',
      Command.REGION_WRITE_MULTI,
      new Uint8Array([...words(201, 0), ...new Uint8Array(201 * 24)]),
      {},
    ],
    ['an endless list of writes', Command.REGION_WRITE_MULTI, words(0xffff_ffff, 0xffff_ffff), {}],
    ['a write of 9 bytes where 8 fit', Command.REGION_WRITE_MULTI, words(1, 0, 0, 0, 0, 9, 0, 0), {}],
  ])('%s', async (_what, command, payload, o) => {
    await using rig = new VfioRig();
    using bare = await greeted(rig);
    bare.message(command, payload, o);
    expect(await bare.receive()).toBe('closed');
    await rig.stillServes();
  });

  it('half a message, without the rest in time', async () => {
    await using rig = new VfioRig();
    const bare = await greeted(rig);
    bare.message(Command.DEVICE_GET_INFO, NONE, { size: 32 });
    bare[Symbol.dispose]();
    await until(() => !rig.server.connected, 'the end');
    expect(rig.logged('warn')).toEqual([expect.stringContaining('ended inside a message')]);
  });
});

describe('what the device says about itself', () => {
  it('is a PCI device with reset, nine regions of which four exist, and MSI-X', async () => {
    await using rig = new VfioRig();
    using bare = await greeted(rig);
    const info = await bare.ask('DEVICE_GET_INFO', deviceInfoPayload());
    if (typeof info !== 'object') throw new RangeError(String(info));
    expect([0, 4, 8, 12].map((at) => info.payload.getUint32(at, true))).toEqual([16, 3, 9, 3]);
    const regions: (readonly number[])[] = [];
    for (let index = 0; index < 9; index++) {
      const got = await bare.ask('DEVICE_GET_REGION_INFO', regionInfoPayload(index));
      if (typeof got !== 'object') throw new RangeError(String(got));
      regions.push([got.payload.getUint32(4, true), Number(got.payload.getBigUint64(16, true)), got.fds.length]);
      for (const fd of got.fds) {
        expect(fileSize(fd)).toBe(1 << 24);
        fd.close();
      }
    }
    const empty = [0, 0, 0];
    expect(regions).toEqual([[3, 16384, 0], [3, 4096, 0], [7, 1 << 24, 1], empty, empty, empty, empty, [3, 256, 0], empty]);
    const irqs = [];
    // A client that asks for each kind that was promised meets no refusal.
    for (let index = 0; index < info.payload.getUint32(12, true); index++) {
      const got = await bare.ask('DEVICE_GET_IRQ_INFO', irqInfoPayload(index));
      irqs.push(typeof got === 'object' ? got.payload.getUint32(12, true) : got);
    }
    expect(irqs).toEqual([0, 0, 3]);
    for (const index of [3, 4, 0xffff_ffff]) {
      expect(await bare.ask('DEVICE_GET_IRQ_INFO', irqInfoPayload(index)), String(index)).toBe(-EINVAL);
    }
  });

  it('is refused with an errno where it does not exist, or the room is short', async () => {
    await using rig = new VfioRig();
    using bare = await greeted(rig);
    expect(await bare.done('DEVICE_GET_REGION_INFO', regionInfoPayload(9))).toBe(-EINVAL);
    expect(await bare.done('DEVICE_GET_INFO', words(15, 0, 0, 0))).toBe(-EINVAL);
    bare.message(6, words(0));
    const unknown = await bare.receive();
    expect(unknown).toMatchObject({ command: 6, flags: 0x21, error: EOPNOTSUPP });
    expect(await bare.done('DEVICE_GET_INFO', deviceInfoPayload())).toBe(0);
  });
});

describe('accesses to regions', () => {
  it('reach registers and configuration space, and end where the region ends', async () => {
    await using rig = new VfioRig();
    using bare = await greeted(rig);
    const got = await bare.ask('REGION_READ', accessPayload(7, 0, 4));
    if (typeof got !== 'object') throw new RangeError(String(got));
    expect([got.payload.byteLength, got.payload.getUint32(16, true)]).toEqual([20, 0x1070_1af4]);
    for (const [region, offset, count] of [
      [7, 254, 4],
      [7, 256, 1],
      [0, 16384, 1],
      [3, 0, 4],
      [8, 0, 1],
      [9, 0, 1],
      [0xffff_ffff, 0, 1],
      [0, 0, 0],
      [2, 0, (1 << 20) + 1],
    ] as const) {
      expect(await bare.done('REGION_READ', accessPayload(region, offset, count)), `${region}, ${offset}, ${count}`).toBe(
        -EINVAL,
      );
    }
    const far = accessPayload(0, 0, 4);
    new DataView(far.buffer).setBigUint64(0, 2n ** 64n - 2n, true);
    expect(await bare.done('REGION_READ', far)).toBe(-EINVAL);
    expect(await bare.done('REGION_WRITE', accessPayload(7, 255, 2, new Uint8Array(2)))).toBe(-EINVAL);
    expect(await bare.done('REGION_WRITE', accessPayload(0, 16383, 2, new Uint8Array(2)))).toBe(-EINVAL);
  });

  it('reach shared memory, a megabyte at a time, for clients that do not map it', async () => {
    await using rig = new VfioRig();
    const frontend = await rig.connect();
    const bytes = Uint8Array.from({ length: 1 << 20 }, (_, i) => i * 7);
    await frontend.request('REGION_WRITE', accessPayload(2, 65536, bytes.length, bytes));
    expect(Buffer.compare(frontend.shared(65536, bytes.length) as Uint8Array, bytes)).toBe(0);
    const { payload } = await frontend.request('REGION_READ', accessPayload(2, 65536, bytes.length));
    expect(Buffer.compare(new Uint8Array(payload.buffer, 16), bytes)).toBe(0);
  });

  it('may be posted, one or many in a message, and then are never answered', async () => {
    await using rig = new VfioRig();
    using bare = await greeted(rig);
    bare.message(Command.REGION_WRITE, accessPayload(0, STATUS, 1, Uint8Array.of(VirtioStatus.ACKNOWLEDGE)), { flags: 0x10 });
    bare.message(Command.REGION_WRITE, accessPayload(0, 99_999, 1, Uint8Array.of(1)), { flags: 0x10 });
    bare.message(77, NONE, { flags: 0x10 });
    bare.message(Command.REGION_WRITE_MULTI, words(2, 0, STATUS, 0, 0, 1, 3, 0, 22, 0, 0, 2, 1, 0), { flags: 0x10 });
    const got = await bare.ask('REGION_READ', accessPayload(0, STATUS, 4));
    if (typeof got !== 'object') throw new RangeError(String(got));
    expect([got.payload.getUint8(16), got.payload.getUint16(18, true)]).toEqual([3, 1]);
  });
});

describe('guest memory', () => {
  it('comes with a descriptor or without, and goes piece by piece or all at once', async () => {
    await using rig = new VfioRig();
    using bare = await greeted(rig);
    using memory = memfd('pieces', 1 << 20);
    const { memory: guest, dma } = guestOf(rig);
    expect(await bare.done('DMA_MAP', mapPayload(0, 65536, 0, RW), [memory])).toBe(0);
    expect(await bare.done('DMA_MAP', mapPayload(65536, 65536, 65536, RW), [memory])).toBe(0);
    expect(await bare.done('DMA_MAP', mapPayload(131072, 65536, 131072, 1), [memory])).toBe(0);
    expect(await bare.done('DMA_MAP', mapPayload(196608, 65536, 0, RW))).toBe(0);
    expect([guest.covers(0, 131072), guest.covers(131072, 1), guest.covers(196608, 1), dma.size]).toEqual([
      true,
      false,
      false,
      4,
    ]);
    const gone = await bare.ask('DMA_UNMAP', unmapPayload(65536, 131072));
    expect(typeof gone === 'object' && gone.payload.byteLength).toBe(24);
    expect([guest.covers(0, 65536), guest.covers(65536, 1), dma.size]).toEqual([true, false, 2]);
    expect(await bare.done('DMA_UNMAP', unmapPayload(0, 0, 2))).toBe(0);
    expect([guest.covers(0, 1), dma.size]).toEqual([false, 0]);
    await until(() => mappingsOf('/memfd:pieces') === 0, 'unmapped');
  });

  it('that is impossible is refused, and nothing changes', async () => {
    await using rig = new VfioRig();
    using bare = await greeted(rig);
    using memory = memfd('pieces', 1 << 20);
    using bell = eventfd();
    expect(await bare.done('DMA_MAP', mapPayload(4096, 65536, 0, RW), [memory])).toBe(0);
    const huge = mapPayload(0, 4096, 0, RW);
    new DataView(huge.buffer).setBigUint64(16, 2n ** 64n - 4096n, true);
    const cases: [number, Uint8Array, Fd[]][] = [
      [EEXIST, mapPayload(8192, 4096, 0, RW), [memory]],
      [EEXIST, mapPayload(0, 8192, 0, RW), []],
      [EINVAL, mapPayload(1 << 20, 0, 0, RW), [memory]],
      [EINVAL, mapPayload(1 << 20, 4096, 1 << 20, RW), [memory]],
      [EINVAL, mapPayload(1 << 20, 2 << 20, 0, RW), [memory]],
      [EINVAL, mapPayload(1 << 20, 4096, 0, 0), [memory]],
      [EINVAL, mapPayload(1 << 20, 4096, 0, 7), [memory]],
      [EINVAL, mapPayload(1 << 20, 4096, 0, RW), [bell]],
      [EINVAL, huge, [memory]],
    ];
    for (const [errno, payload, fds] of cases) expect(await bare.done('DMA_MAP', payload, fds)).toBe(-errno);
    expect(await bare.done('DMA_UNMAP', unmapPayload(4096, 4096))).toBe(-EINVAL);
    expect(await bare.done('DMA_UNMAP', unmapPayload(1 << 24, 4096))).toBe(-ENOENT);
    expect(await bare.done('DMA_UNMAP', unmapPayload(4096, 65536, 1))).toBe(-EINVAL);
    expect(guestOf(rig).dma.size).toBe(1);
  });

  it('has no more pieces than the table has room for', async () => {
    await using rig = new VfioRig();
    using _bare = await greeted(rig);
    const table = new DmaTable(guestOf(rig).memory);
    for (let i = 0; i < MAX_DMA_MAPS; i++) table.map({ address: i * 4096, size: 4096, offset: 0, flags: RW }, undefined);
    expect(() => table.map({ address: 2 ** 40, size: 4096, offset: 0, flags: RW }, undefined)).toThrow(
      expect.objectContaining({ errno: ENOSPC }),
    );
    table.unmapAll();
    expect(table.size).toBe(0);
  });

  it('that holds the rings may go and come back: the driver waits, and nothing is lost', async () => {
    await using rig = new VfioRig();
    const { frontend, driver } = await rig.attach();
    const session = await driver.open();
    const [high] = frontend.ram.regions;
    if (high === undefined) throw new RangeError('no memory');
    await frontend.request('DMA_UNMAP', unmapPayload(high.address, high.length));
    let answered = false;
    const waiting = session.ioctl(VIDIOC_S_INPUT, input(0)).then((result) => {
      answered = true;
      return result;
    });
    await frontend.driver.get('device_status');
    expect(answered).toBe(false);
    const half = high.length / 2;
    await frontend.request('DMA_MAP', mapPayload(high.address + half, half, half, RW), [high.fd]);
    await frontend.request('DMA_MAP', mapPayload(high.address, half, 0, RW), [high.fd]);
    expect((await waiting).errno).toBe(0);
    expect(await frontend.driver.get('device_status')).toBe(0x0f);
  });
});

describe('interrupts', () => {
  it('wait for a descriptor, can be triggered by the client, and go with a count of 0', async () => {
    await using rig = new VfioRig();
    using bare = await greeted(rig);
    using a = eventfd();
    using b = eventfd();
    const set = IRQ_SET.DATA_EVENTFD | IRQ_SET.TRIGGER;
    const { interrupts } = guestOf(rig);
    expect(await bare.done('DEVICE_SET_IRQS', setIrqsPayload(set, 2, 0, 1))).toBe(0);
    interrupts.raise(0);
    expect(await bare.done('DEVICE_SET_IRQS', setIrqsPayload(set, 2, 0, 2), [a, b])).toBe(0);
    expect([drain(a), drain(b)]).toEqual([true, false]);
    expect(await bare.done('DEVICE_SET_IRQS', setIrqsPayload(IRQ_SET.DATA_NONE | IRQ_SET.TRIGGER, 2, 1, 1))).toBe(0);
    expect([drain(a), drain(b)]).toEqual([false, true]);
    const bool = new Uint8Array([...setIrqsPayload(IRQ_SET.DATA_BOOL | IRQ_SET.TRIGGER, 2, 0, 2), 1, 0]);
    expect(await bare.done('DEVICE_SET_IRQS', bool)).toBe(0);
    expect([drain(a), drain(b)]).toEqual([true, false]);
    expect(await bare.done('DEVICE_SET_IRQS', setIrqsPayload(IRQ_SET.DATA_NONE | IRQ_SET.TRIGGER, 2, 0, 0))).toBe(0);
    interrupts.raise(0);
    expect([drain(a), drain(b)]).toEqual([false, false]);
  });

  it('that do not exist are refused; switching off what is off is fine', async () => {
    await using rig = new VfioRig();
    using bare = await greeted(rig);
    const off = IRQ_SET.DATA_NONE | IRQ_SET.TRIGGER;
    const set = IRQ_SET.DATA_EVENTFD | IRQ_SET.TRIGGER;
    for (const index of [0, 1]) expect(await bare.done('DEVICE_SET_IRQS', setIrqsPayload(off, index, 0, 0))).toBe(0);
    for (const payload of [
      setIrqsPayload(set, 0, 0, 1),
      setIrqsPayload(set, 3, 0, 1),
      setIrqsPayload(set, 2, 3, 1),
      setIrqsPayload(set, 2, 0xffff_ffff, 0xffff_ffff),
      setIrqsPayload(set, 2, 0, 0),
      setIrqsPayload(IRQ_SET.DATA_NONE | IRQ_SET.MASK, 2, 0, 1),
      setIrqsPayload(IRQ_SET.DATA_BOOL | IRQ_SET.TRIGGER, 2, 0, 3),
      setIrqsPayload(0xffff_ffff, 2, 0, 1),
    ]) {
      expect(await bare.done('DEVICE_SET_IRQS', payload)).toBe(-EINVAL);
    }
  });

  it('are refused when not all their descriptors came, and the vectors keep theirs', async () => {
    await using rig = new VfioRig();
    using bare = await greeted(rig);
    using kept = eventfd();
    using other = eventfd();
    const set = IRQ_SET.DATA_EVENTFD | IRQ_SET.TRIGGER;
    expect(await bare.done('DEVICE_SET_IRQS', setIrqsPayload(set, 2, 1, 1), [kept])).toBe(0);
    const tooMany = new Array<Fd>(17).fill(other);
    expect(await bare.done('DEVICE_SET_IRQS', setIrqsPayload(set, 2, 1, 1), tooMany)).toBe(-EMFILE);
    expect(rig.logged('warn').join()).toContain('descriptors of DEVICE_SET_IRQS were lost');
    expect(await bare.done('DEVICE_SET_IRQS', setIrqsPayload(IRQ_SET.DATA_NONE | IRQ_SET.TRIGGER, 2, 1, 1))).toBe(0);
    expect([drain(kept), drain(other)]).toEqual([true, false]);
  });

  it('are given up, with one line in the log, where their descriptor cannot be rung', async () => {
    await using rig = new VfioRig();
    const [one, other] = socketpair();
    other.close();
    const interrupts = new VfioInterrupts(1, rig.log);
    interrupts.change({ flags: IRQ_SET.DATA_EVENTFD | IRQ_SET.TRIGGER, start: 0, count: 1, data: NONE }, [one]);
    interrupts.raise(0);
    interrupts.raise(0);
    expect([one.open, rig.logged('warn').length]).toEqual([false, 1]);
  });
});

describe('a broken ring', () => {
  it('makes the device need a reset, which brings it back', async () => {
    await using rig = new VfioRig();
    const { frontend } = await rig.attach();
    const guest = guestOf(rig);
    const page = frontend.allocate(4096);
    await frontend.reset();
    await frontend.driver.negotiate(0n);
    new DataView(page.bytes.buffer, page.bytes.byteOffset).setUint16(2050, 999, true);
    const layout = { size: 16, descriptors: page.address, available: page.address + 2048, used: page.address + 3072 };
    await frontend.driver.setupQueue(0, layout, 1);
    await frontend.driver.ready();
    expect([guest.pci.state, await frontend.driver.get('device_status')]).toEqual(['broken', 0x4f]);
    await frontend.driver.negotiate(0n);
    await frontend.driver.setupQueue(0, { ...layout, descriptors: 2 ** 50 }, 1);
    await frontend.driver.ready();
    expect(guest.pci.state).toBe('broken');
    await frontend.driver.reset();
    expect(guest.pci.state).toBe('fresh');
    expect(rig.logged('error')).toEqual([]);
  });
});

describe('anything at all on the socket', () => {
  it('never harms the server, and leaks neither descriptors nor mappings', async () => {
    await using rig = new VfioRig();
    await rig.stillServes();
    using memory = memfd('fuzz', 1 << 16);
    using bell = eventfd();
    const before = openDescriptors();
    const register = fc.record({
      at: fc.oneof(fc.nat(60), fc.nat(0x4000)),
      width: fc.constantFrom(1, 2, 4, 8),
      value: fc.nat(20),
    });
    const number = fc.constantFrom(0, 4096, 8192, 65536, 2 ** 40);
    const step = fc.oneof(
      register.map(({ at, width, value }) => {
        const bytes = new Uint8Array(width);
        bytes[0] = value;
        return { command: Command.REGION_WRITE as number, payload: accessPayload(0, at, width, bytes) };
      }),
      fc
        .tuple(fc.nat(9), number, fc.nat(5000))
        .map(([region, at, count]) => ({ command: Command.REGION_READ as number, payload: accessPayload(region, at, count) })),
      fc
        .tuple(number, number, number, fc.nat(4))
        .map(([a, b, c, d]) => ({ command: Command.DMA_MAP as number, payload: mapPayload(a, b, c, d) })),
      fc
        .tuple(number, number, fc.nat(2))
        .map(([a, b, c]) => ({ command: Command.DMA_UNMAP as number, payload: unmapPayload(a, b, c) })),
      fc
        .tuple(fc.nat(63), fc.nat(4), fc.nat(4), fc.nat(4))
        .map(([a, b, c, d]) => ({ command: Command.DEVICE_SET_IRQS as number, payload: setIrqsPayload(a, b, c, d) })),
      fc.record({ command: fc.nat(20), payload: fc.uint8Array({ maxLength: 80 }) }),
    );
    const dressed = fc.record({
      step,
      flags: fc.oneof({ weight: 30, arbitrary: fc.constantFrom(0, 0x10) }, { weight: 1, arbitrary: fc.nat(255) }),
      fds: fc.array(fc.constantFrom('memory', 'bell'), { maxLength: 2 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(dressed, { maxLength: 40 }), async (steps) => {
        await until(() => rig.server.free, 'the last connection to end');
        using bare = new BareVfio(rig.path);
        bare.message(Command.VERSION, versionPayload());
        for (const {
          step: { command, payload },
          flags,
          fds,
        } of steps) {
          bare.message(command, payload, { flags, fds: fds.map((kind) => (kind === 'memory' ? memory : bell)) });
        }
        await new Promise((resolve) => setImmediate(resolve));
      }),
      { numRuns: 300 },
    );
    await rig.stillServes();
    await until(() => openDescriptors() === before, `descriptors as before (${before}, now ${openDescriptors()})`);
    expect(mappingsOf('/memfd:fuzz')).toBe(0);
    expect(mappingsOf('/memfd:paravideo-')).toBe(0);
    expect(rig.logged('error')).toEqual([]);
  });
});
