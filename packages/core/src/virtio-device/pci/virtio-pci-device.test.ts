// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RingLayout } from '../../virtqueue/index.ts';
import { VIRTIO_F_VERSION_1, VIRTIO_RING_F_EVENT_IDX, VIRTIO_RING_F_INDIRECT_DESC } from '../../wire/index.ts';
import {
  ConfigSpace,
  type PciAccess,
  PciError,
  pci_header,
  pci_msix_cap,
  SHARED_BAR,
  VIRTIO_MSI_NO_VECTOR,
  VirtioPciCap,
  VirtioPciDevice,
  VirtioPciDriver,
  type VirtioPciOptions,
  type VirtioPciOwner,
  VirtioStatus,
  virtio_pci_cap,
  virtio_pci_cap64,
  virtio_pci_cfg_cap,
  virtio_pci_common_cfg,
  virtio_pci_notify_cap,
} from './index.ts';

const VERSION_1 = 1n << BigInt(VIRTIO_F_VERSION_1);
const RING = (1n << BigInt(VIRTIO_RING_F_INDIRECT_DESC)) | (1n << BigInt(VIRTIO_RING_F_EVENT_IDX));

class Owner implements VirtioPciOwner {
  readonly seen: string[] = [];
  readonly rings: RingLayout[] = [];
  sound = true;
  letGo: () => void = () => {};
  slow = false;
  readonly memory = new Uint8Array(8192);

  config(): Uint8Array {
    return Uint8Array.from({ length: 40 }, (_, i) => i + 1);
  }
  startQueue(index: number, layout: RingLayout, features: bigint): boolean {
    this.rings[index] = layout;
    this.seen.push(`start ${index} ${features === (VERSION_1 | RING)}`);
    return this.sound;
  }
  rung(queues: readonly number[] = []): void {
    for (const index of queues) this.seen.push(`look ${index}`);
  }
  reset(): Promise<void> {
    this.seen.push('reset');
    return this.slow
      ? new Promise((resolve) => {
          this.letGo = resolve;
        })
      : Promise.resolve();
  }
  raiseVector(n: number): void {
    this.seen.push(`vector ${n}`);
  }
  setInterruptLine(raised: boolean): void {
    this.seen.push(`line ${raised}`);
  }
  readonly shared = {
    read: (offset: number, into: Uint8Array): void => into.set(this.memory.subarray(offset, offset + into.length)),
    write: (offset: number, from: Uint8Array): void => this.memory.set(from, offset),
  };
}

function make(o: Partial<VirtioPciOptions> = {}): { owner: Owner; device: VirtioPciDevice } {
  const owner = new Owner();
  const device = new VirtioPciDevice(
    { virtioId: 48, features: RING, queues: 2, configBytes: 40, sharedBytes: 8192, ...o },
    owner,
  );
  return { owner, device };
}

function access(device: VirtioPciDevice, owner = new Owner()): PciAccess {
  return {
    readConfig: async (offset, length) => {
      const bytes = new Uint8Array(length);
      device.readConfig(offset, bytes);
      return bytes;
    },
    writeConfig: async (offset, bytes) => owner.rung(device.writeConfig(offset, bytes)),
    readBar: async (bar, offset, length) => {
      const bytes = new Uint8Array(length);
      device.readBar(bar, offset, bytes);
      return bytes;
    },
    writeBar: async (bar, offset, bytes) => owner.rung(device.writeBar(bar, offset, bytes)),
  };
}

const pause = (): Promise<void> => Promise.resolve();
const layout = (base: number): RingLayout => ({ size: 64, descriptors: base, available: base + 1024, used: base + 2048 });

async function live(o: Partial<VirtioPciOptions> = {}) {
  const { owner, device } = make(o);
  const driver = await VirtioPciDriver.probe(access(device, owner), pause);
  await driver.negotiate(RING);
  await driver.setupQueue(0, layout(0x1_0000_0000), 1);
  await driver.setupQueue(1, layout(0x10_0000), 2);
  await driver.ready();
  return { owner, device, driver };
}

describe('struct layouts of virtio over PCI', () => {
  it('lie where the specification and the kernel have them', () => {
    const f = virtio_pci_common_cfg.fields;
    const offsets = [
      f.device_feature_select,
      f.device_status,
      f.queue_select,
      f.queue_enable,
      f.queue_desc_lo,
      f.queue_device_hi,
    ];
    expect(offsets.map((field) => field.offset)).toEqual([0, 20, 22, 28, 32, 52]);
    expect([virtio_pci_cap.size, virtio_pci_notify_cap.size, virtio_pci_cfg_cap.size, virtio_pci_cap64.size]).toEqual([
      16, 20, 20, 24,
    ]);
    const h = pci_header.fields;
    expect([
      h.base_address.at(5).offset,
      h.subsystem_vendor_id.offset,
      h.capabilities_pointer.offset,
      h.interrupt_pin.offset,
    ]).toEqual([0x24, 0x2c, 0x34, 0x3d]);
  });
});

describe('the configuration space', () => {
  it('is that of a virtio-media device with MSI-X and no interrupt line', async () => {
    const { device } = make();
    const raw = await access(device).readConfig(0, 256);
    const view = new DataView(raw.buffer);
    const f = pci_header.fields;
    expect([f.vendor_id, f.device_id, f.subsystem_vendor_id, f.subsystem_id, f.status].map((x) => x.get(view, 0))).toEqual([
      0x1af4, 0x1070, 0x1af4, 0x1100, 0x10,
    ]);
    expect([f.class_base, f.class_sub, f.class_interface, f.revision_id, f.interrupt_pin].map((x) => x.get(view, 0))).toEqual([
      4, 0x80, 0, 1, 0,
    ]);
    const types: number[] = [];
    for (let at = f.capabilities_pointer.get(view, 0); at !== 0; at = view.getUint8(at + 1)) {
      types.push(view.getUint8(at) === 0x11 ? -pci_msix_cap.fields.control.get(view, at) : view.getUint8(at + 3));
    }
    expect(types).toEqual([-2, 1, 3, 4, 2, 5, 8]);
  });

  it('has base address registers that can be sized as Linux sizes them', async () => {
    for (const size of [65536, 2 ** 28, 2 ** 31, 2 ** 32, 2 ** 34]) {
      const driver = await VirtioPciDriver.probe(access(make({ sharedBytes: size }).device), pause);
      expect(driver.bars).toEqual([
        { index: 0, size: 16384, bits: 32, prefetchable: false },
        { index: 1, size: 4096, bits: 32, prefetchable: false },
        { index: 2, size, bits: 64, prefetchable: true },
      ]);
      expect(driver.structures.shared).toEqual({ bar: SHARED_BAR, offset: 0, length: size });
    }
    const without = await VirtioPciDriver.probe(access(make({ sharedBytes: 0 }).device), pause);
    expect([without.bars.length, without.structures.shared]).toEqual([2, undefined]);
  });

  it('keeps what is storage and refuses to change the rest, until it is reset', async () => {
    const { device } = make();
    const bus = access(device);
    const before = await bus.readConfig(0, 256);
    await bus.writeConfig(0, new Uint8Array(256).fill(0xff));
    const after = await bus.readConfig(0, 256);
    expect([...after.subarray(0, 4)]).toEqual([...before.subarray(0, 4)]);
    expect([...after.subarray(4, 6)]).toEqual([0x07, 0x04]);
    expect([...after.subarray(0x10, 0x20)]).toEqual([
      0, 0xc0, 0xff, 0xff, 0, 0xf0, 0xff, 0xff, 0x0c, 0xe0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    ]);
    expect(after[0x30]).toBe(0);
    expect(device.msixEnabled).toBe(true);
    await device.reset();
    expect([...(await bus.readConfig(0, 256))]).toEqual([...before]);
  });

  it('reaches the regions through the capability made for that, and nothing else', async () => {
    const { device } = await live();
    const bus = access(device);
    const raw = await bus.readConfig(0, 256);
    let at = raw[0x34] as number;
    while (raw[at + 3] !== VirtioPciCap.PCI_CFG) at = raw[at + 1] as number;
    const aim = async (bar: number, offset: number, length: number): Promise<void> => {
      await bus.writeConfig(at + 4, Uint8Array.of(bar));
      const words = new Uint8Array(new Uint32Array([offset, length]).buffer);
      await bus.writeConfig(at + 8, words);
    };
    await aim(0, virtio_pci_common_cfg.fields.device_status.offset, 1);
    expect([...(await bus.readConfig(at + 16, 1))]).toEqual([0x0f]);
    await aim(0, virtio_pci_common_cfg.fields.queue_select.offset, 2);
    await bus.writeConfig(at + 16, Uint8Array.of(1, 0));
    expect([...(await bus.readBar(0, virtio_pci_common_cfg.fields.queue_select.offset, 2))]).toEqual([1, 0]);
    for (const [bar, offset, length] of [
      [5, 0, 4],
      [0, 2, 4],
      [0, 0xffff_fffc, 4],
      [0, 0, 3],
    ] as const) {
      await aim(bar, offset, length);
      await bus.writeConfig(at + 16, Uint8Array.of(9, 9, 9, 9));
      expect((await bus.readConfig(at + 16, 4)).length).toBe(4);
    }
  });

  it('is not built from options that contradict each other or are too large', () => {
    expect(() => make({ sharedBytes: 5000 })).toThrow(PciError);
    expect(() => make({ queues: 0 })).toThrow(PciError);
    expect(() => make({ queueSize: 100 })).toThrow(PciError);
    expect(() => make({ configBytes: 5000 })).toThrow(PciError);
    const space = new ConfigSpace({ vendorId: 1, deviceId: 1, subsystemId: 1, revision: 1, classCode: 0, interruptPin: 0 }, []);
    expect(() => space.addCapability(9, new Uint8Array(200))).toThrow(PciError);
  });
});

describe('a driver that does as Linux does', () => {
  it('agrees on features, hands over rings, and the device starts them at DRIVER_OK', async () => {
    const { owner, device, driver } = await live();
    expect(owner.seen).toEqual(['start 0 true', 'start 1 true', 'look 0', 'look 1']);
    expect(owner.rings).toEqual([layout(0x1_0000_0000), layout(0x10_0000)]);
    expect([device.state, await driver.get('device_status')]).toEqual(['live', 0x0f]);
    owner.seen.length = 0;
    await driver.notify(1);
    device.interrupt(0);
    device.interrupt(1);
    expect(owner.seen).toEqual(['look 1', 'vector 1', 'vector 2']);
    expect([...(await driver.readDeviceConfig(0, 100))]).toEqual(Array.from({ length: 40 }, (_, i) => i + 1));
    expect([...(await driver.readDeviceConfig(38, 4))]).toEqual([39, 40]);
  });

  it('that rings the event queue before DRIVER_OK is heard when the ring starts (P16), not before', async () => {
    const { owner, device } = make();
    const driver = await VirtioPciDriver.probe(access(device, owner), pause);
    await driver.negotiate(0n);
    await driver.setupQueue(1, layout(4096));
    await driver.notify(1);
    expect(owner.seen).toEqual([]);
    await driver.ready();
    expect(owner.seen).toEqual(['start 1 false', 'look 0', 'look 1']);
  });

  it('sees a status of 0 only when the reset is done, and everything is new then', async () => {
    const { owner, device, driver } = await live();
    owner.slow = true;
    await driver.set('queue_select', 0);
    await driver.set('device_status', 0);
    await driver.set('queue_select', 1);
    await driver.set('device_status', VirtioStatus.ACKNOWLEDGE);
    expect([device.state, await driver.get('device_status'), await driver.get('queue_select')]).toEqual(['resetting', 0x0f, 0]);
    await driver.notify(0);
    device.interrupt(0);
    const again = device.reset();
    owner.letGo();
    await again;
    expect(owner.seen.slice(4)).toEqual(['reset']);
    expect([device.state, await driver.get('device_status'), await driver.get('queue_enable')]).toEqual(['fresh', 0, 0]);
    await driver.negotiate(RING);
    expect(device.features).toBe(VERSION_1 | RING);
  });

  it.each([
    ['without VERSION_1', 1n << 28n],
    ['that were not offered', VERSION_1 | 1n],
    ['that were not offered, in the upper half', VERSION_1 | (1n << 40n)],
  ])('is refused features %s', async (_what, features) => {
    const { device } = make();
    const driver = await VirtioPciDriver.probe(access(device), pause);
    await driver.set('device_status', 3);
    for (const half of [0, 1]) {
      await driver.set('driver_feature_select', half);
      await driver.set('driver_feature', Number((features >> BigInt(32 * half)) & 0xffff_ffffn));
    }
    await driver.set('device_status', 3 | VirtioStatus.FEATURES_OK | VirtioStatus.DRIVER_OK);
    expect([device.state, await driver.get('device_status')]).toEqual(['probing', 3]);
  });

  it('cannot change features after FEATURES_OK, nor a ring that it enabled', async () => {
    const { owner, device, driver } = await live();
    await driver.set('driver_feature_select', 0);
    await driver.set('driver_feature', 0);
    expect(device.features).toBe(VERSION_1 | RING);
    await driver.set('queue_select', 0);
    await driver.set('queue_size', 2);
    await driver.set('queue_desc_lo', 0);
    await driver.set('queue_enable', 0);
    await driver.set('queue_enable', 1);
    expect([await driver.get('queue_size'), await driver.get('queue_enable')]).toEqual([64, 1]);
    expect(owner.seen.filter((line) => line.startsWith('start')).length).toBe(2);
  });

  it('may enable a ring later', async () => {
    const { owner, device } = make();
    const driver = await VirtioPciDriver.probe(access(device, owner), pause);
    await driver.negotiate(RING);
    await driver.setupQueue(1, layout(8192));
    await driver.ready();
    owner.seen.length = 0;
    await driver.setupQueue(0, layout(4096));
    expect(owner.seen).toEqual(['start 0 true', 'look 0', 'look 1']);
  });

  it('writes whole registers, two halves of an address at once at most, and nothing else (4.1.3.1)', async () => {
    const { device } = make();
    const driver = await VirtioPciDriver.probe(access(device), pause);
    const f = virtio_pci_common_cfg.fields;
    device.writeBar(0, f.queue_desc_lo.offset, Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8));
    expect([await driver.get('queue_desc_lo'), await driver.get('queue_desc_hi')]).toEqual([0x04030201, 0x08070605]);
    device.writeBar(0, f.queue_desc_lo.offset, Uint8Array.of(9, 9));
    device.writeBar(0, f.queue_desc_lo.offset + 2, Uint8Array.of(9, 9));
    device.writeBar(0, f.queue_size.offset, Uint8Array.of(16));
    device.writeBar(0, f.device_status.offset, Uint8Array.of(1, 0, 0, 0));
    device.writeBar(0, f.num_queues.offset, Uint8Array.of(9, 0));
    expect(await driver.get('queue_desc_lo')).toBe(0x04030201);
    expect([await driver.get('queue_size'), await driver.get('device_status'), await driver.get('num_queues')]).toEqual([
      256, 0, 2,
    ]);
  });

  it('is given no vector that does not exist, no size that a ring cannot have, and no queue beyond the last', async () => {
    const { device } = make();
    const driver = await VirtioPciDriver.probe(access(device), pause);
    await driver.set('queue_msix_vector', 3);
    await driver.set('config_msix_vector', 2);
    expect([await driver.get('queue_msix_vector'), await driver.get('config_msix_vector')]).toEqual([VIRTIO_MSI_NO_VECTOR, 2]);
    for (const size of [0, 3, 512, 65535]) await driver.set('queue_size', size);
    expect([await driver.get('queue_size'), await driver.get('num_queues')]).toEqual([256, 2]);
    await driver.set('queue_select', 2);
    await driver.set('queue_enable', 1);
    expect([await driver.get('queue_size'), await driver.get('queue_enable')]).toEqual([0, 0]);
  });
});

describe('a device that is in trouble', () => {
  it('needs a reset if a ring is not sound, tells so, and does nothing more', async () => {
    const { owner, device } = make();
    owner.sound = false;
    const driver = await VirtioPciDriver.probe(access(device, owner), pause);
    await driver.negotiate(RING);
    await driver.setupQueue(0, layout(4096), 1);
    await driver.ready();
    expect([device.state, await driver.get('device_status')]).toEqual(['broken', 0x4f]);
    await driver.notify(0);
    device.interrupt(0);
    expect(owner.seen).toEqual(['start 0 true']);
    await driver.reset();
    expect(device.state).toBe('fresh');
  });

  it('interrupts for a broken ring with the vector of the configuration, or with the line', async () => {
    const { owner, device, driver } = await live();
    await driver.set('config_msix_vector', 0);
    device.configChanged();
    device.needsReset();
    device.needsReset();
    expect(owner.seen.slice(4)).toEqual(['vector 0', 'vector 0']);
    expect(await driver.get('config_generation')).toBe(1);
    const other = make({ interruptPin: 1 });
    const old = await VirtioPciDriver.probe(access(other.device), pause);
    await old.negotiate(RING);
    await old.setupQueue(0, layout(4096));
    await old.ready();
    other.owner.seen.length = 0;
    other.device.interrupt(0);
    other.device.needsReset();
    const isr = old.structures.isr;
    const bus = access(other.device);
    expect([...(await bus.readBar(isr.bar, isr.offset, 1)), ...(await bus.readBar(isr.bar, isr.offset, 1))]).toEqual([3, 0]);
    expect(other.owner.seen).toEqual(['line true', 'line true', 'line false']);
  });

  it('uses no line while MSI-X is on, and keeps its table for embedders that have none', async () => {
    const { owner, device } = make({ interruptPin: 1 });
    const bus = access(device, owner);
    const driver = await VirtioPciDriver.probe(bus, pause);
    await driver.enableMsix(true);
    await driver.negotiate(RING);
    await driver.setupQueue(0, layout(4096));
    await driver.ready();
    owner.seen.length = 0;
    device.interrupt(0);
    expect(owner.seen).toEqual([]);
    await bus.writeBar(1, 16, new Uint8Array(new Uint32Array([0xfee00000, 0]).buffer));
    await bus.writeBar(1, 24, new Uint8Array(new Uint32Array([0x4041]).buffer));
    expect(device.msix.message(1)).toEqual({ address: [0xfee00000, 0], data: 0x4041, masked: true });
    await bus.writeBar(1, 28, new Uint8Array(4));
    expect(device.msix.message(1)?.masked).toBe(false);
    device.msix.setPending(1, true);
    expect((await bus.readBar(1, 0x800, 8))[0]).toBe(2);
    device.msix.setPending(1, false);
    await bus.writeBar(1, 0x800, new Uint8Array(8).fill(255));
    expect((await bus.readBar(1, 0x800, 8))[0]).toBe(0);
    expect(device.msix.message(3)).toBeUndefined();
  });
});

describe('accesses that make no sense', () => {
  it('outside the regions read as all ones and do nothing', () => {
    const { device } = make();
    const bytes = new Uint8Array(4);
    for (const [bar, offset] of [
      [0, 16382],
      [3, 0],
      [7, 0],
      [-1, 0],
      [0, -4],
      [0, Number.POSITIVE_INFINITY],
      [2, 8190],
    ] as const) {
      expect(device.readBar(bar, offset, bytes)).toBe(false);
      expect([...bytes]).toEqual([255, 255, 255, 255]);
      expect(device.writeBar(bar, offset, bytes)).toBeUndefined();
    }
  });

  it('reach shared memory only inside it', () => {
    const { device, owner } = make();
    expect(device.writeBar(2, 8188, Uint8Array.of(1, 2, 3, 4))).toEqual([]);
    expect([...owner.memory.subarray(8188)]).toEqual([1, 2, 3, 4]);
    const bytes = new Uint8Array(4);
    expect(device.readBar(2, 8188, bytes)).toBe(true);
    expect([...bytes]).toEqual([1, 2, 3, 4]);
  });

  it('of any place, width and order never throw, and never start a ring twice', async () => {
    const place = fc.oneof(fc.nat(80), fc.nat(0x4010), fc.integer({ min: -10, max: 2 ** 31 }));
    const width = fc.oneof(fc.constantFrom(1, 2, 4, 8), fc.nat(64));
    const step = fc.record({
      kind: fc.constantFrom('readConfig', 'writeConfig', 'readBar', 'writeBar', 'interrupt', 'needsReset', 'reset'),
      bar: fc.integer({ min: 0, max: 3 }),
      offset: place,
      bytes: fc.oneof(
        width.map((length) => new Uint8Array(length)),
        fc.uint8Array({ minLength: 1, maxLength: 8 }),
        fc.constantFrom(Uint8Array.of(1), Uint8Array.of(3), Uint8Array.of(11), Uint8Array.of(15), Uint8Array.of(1, 0)),
      ),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), fc.boolean(), async (steps, sound) => {
        const { owner, device } = make({ interruptPin: 1 });
        owner.sound = sound;
        for (const { kind, bar, offset, bytes } of steps) {
          if (kind === 'readConfig') device.readConfig(offset, bytes);
          else if (kind === 'writeConfig') device.writeConfig(offset, bytes);
          else if (kind === 'readBar') device.readBar(bar, offset, bytes);
          else if (kind === 'writeBar') device.writeBar(bar, offset, bytes);
          else if (kind === 'interrupt') device.interrupt(offset);
          else if (kind === 'needsReset') device.needsReset();
          else await device.reset();
        }
        const starts = owner.seen.join(' ').split('reset');
        for (const life of starts) for (const index of [0, 1]) expect(life.split(`start ${index}`).length).toBeLessThan(3);
      }),
      { numRuns: 500 },
    );
  });
});
