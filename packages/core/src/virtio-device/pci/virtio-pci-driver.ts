// SPDX-License-Identifier: Apache-2.0
/**
 * The guest's side of a virtio device on PCI: finds its structures, sizes its regions, agrees on features, hands over rings;
 * register by register as Linux does. For machines that have no driver of their own: the checker's front-end, and tests.
 */
import { bit } from '../../base/index.ts';
import type { RingLayout } from '../../virtqueue/ring-layout.ts';
import { VIRTIO_F_VERSION_1 } from '../../wire/index.ts';
import {
  PCI_BAR_MEM_64,
  PCI_BAR_MEM_PREFETCH,
  PCI_CAP_ID_MSIX,
  PCI_CAP_ID_VNDR,
  PCI_COMMAND_MASTER,
  PCI_COMMAND_MEMORY,
  PCI_CONFIG_BYTES,
  PCI_MSIX_FLAGS_ENABLE,
  pci_header,
  pci_msix_cap,
  VIRTIO_MSI_NO_VECTOR,
  VIRTIO_PCI_DEVICE_ID_BASE,
  VIRTIO_PCI_VENDOR_ID,
  VirtioPciCap,
  VirtioStatus,
  virtio_pci_cap,
  virtio_pci_cap64,
  virtio_pci_common_cfg,
  virtio_pci_notify_cap,
} from '../../wire/pci/virtio-pci.ts';
import type { PciBar } from './config-space.ts';
import { PciError } from './pci-error.ts';

/** How the driver reaches the device. Each call is one access of the given width. */
export interface PciAccess {
  readConfig(offset: number, length: number): Promise<Uint8Array>;
  writeConfig(offset: number, bytes: Uint8Array): Promise<void>;
  readBar(bar: number, offset: number, length: number): Promise<Uint8Array>;
  writeBar(bar: number, offset: number, bytes: Uint8Array): Promise<void>;
}

/** Where something lies. */
export interface PciPlace {
  readonly bar: number;
  readonly offset: number;
  readonly length: number;
}

interface PciStructures {
  readonly common: PciPlace;
  readonly notify: PciPlace & { readonly multiplier: number };
  readonly isr: PciPlace;
  readonly device: PciPlace | undefined;
  readonly shared: PciPlace | undefined;
}

/** How often a reset is looked at before it is given up. */
const RESET_ATTEMPTS = 10_000;

const common = virtio_pci_common_cfg.fields;
type CommonRegister = keyof typeof common;

/** See the top of the file. */
export class VirtioPciDriver {
  /** virtio device type */
  readonly virtioId: number;
  readonly bars: readonly PciBar[];
  readonly structures: PciStructures;
  /** vectors of MSI-X; 0 without it */
  readonly vectors: number;
  readonly #access: PciAccess;
  readonly #pause: () => Promise<void>;
  readonly #msix: number | undefined;
  readonly #notifyOffsets = new Map<number, number>();

  private constructor(
    access: PciAccess,
    pause: () => Promise<void>,
    found: { virtioId: number; bars: PciBar[]; structures: PciStructures; msix: number | undefined; vectors: number },
  ) {
    this.#access = access;
    this.#pause = pause;
    this.virtioId = found.virtioId;
    this.bars = found.bars;
    this.structures = found.structures;
    this.vectors = found.vectors;
    this.#msix = found.msix;
  }

  /** Looks at a function; throws `PciError` if it is no virtio device of version 1. `pause` passes between looks at a reset. */
  static async probe(access: PciAccess, pause: () => Promise<void>): Promise<VirtioPciDriver> {
    const raw = await access.readConfig(0, PCI_CONFIG_BYTES);
    if (raw.length !== PCI_CONFIG_BYTES) throw new PciError(`a configuration space of ${raw.length} bytes`);
    const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
    const vendor = pci_header.fields.vendor_id.get(view, 0);
    const device = pci_header.fields.device_id.get(view, 0);
    if (vendor !== VIRTIO_PCI_VENDOR_ID || device < VIRTIO_PCI_DEVICE_ID_BASE) {
      throw new PciError(`device ${vendor.toString(16)}:${device.toString(16)} is no virtio device of version 1`);
    }
    const { structures, msix } = findStructures(view);
    const vectors = msix === undefined ? 0 : (pci_msix_cap.fields.control.get(view, msix) & 0x7ff) + 1;
    const bars = await sizeBars(access);
    for (const place of Object.values(structures)) {
      const bar = bars.find(({ index }) => index === place?.bar);
      if (place !== undefined && place.offset + place.length > (bar?.size ?? 0)) {
        throw new PciError(`a structure of ${place.length} bytes at ${place.offset} does not fit region ${place.bar}`);
      }
    }
    await setCommand(access, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    return new VirtioPciDriver(access, pause, { virtioId: device - VIRTIO_PCI_DEVICE_ID_BASE, bars, structures, msix, vectors });
  }

  /** Reads a register of the common configuration. */
  async get(name: CommonRegister): Promise<number> {
    const field = common[name];
    const { bar, offset } = this.structures.common;
    return number(await this.#access.readBar(bar, offset + field.offset, field.size));
  }

  /** Writes a register of the common configuration. */
  async set(name: CommonRegister, value: number): Promise<void> {
    const field = common[name];
    const { bar, offset } = this.structures.common;
    await this.#access.writeBar(bar, offset + field.offset, little(value, field.size));
  }

  /** Forbids the function to touch memory, or allows it again. */
  busMaster(on: boolean): Promise<void> {
    return setCommand(this.#access, PCI_COMMAND_MEMORY | (on ? PCI_COMMAND_MASTER : 0));
  }

  /** Resets the device and waits until it says so. Throws `PciError` if it never does. */
  async reset(): Promise<void> {
    await this.set('device_status', 0);
    for (let i = 0; i < RESET_ATTEMPTS; i++) {
      if ((await this.get('device_status')) === 0) return;
      await this.#pause();
    }
    throw new PciError('the device does not finish its reset');
  }

  /**
   * Resets the device and agrees on those of `wanted` that it offers, with VERSION_1; answers what was agreed on. Throws
   * `PciError` if the device does not take part.
   */
  async negotiate(wanted: bigint): Promise<bigint> {
    await this.reset();
    await this.#addStatus(VirtioStatus.ACKNOWLEDGE);
    await this.#addStatus(VirtioStatus.DRIVER);
    let offered = 0n;
    for (const half of [0, 1]) {
      await this.set('device_feature_select', half);
      offered |= BigInt(await this.get('device_feature')) << BigInt(32 * half);
    }
    const version1 = bit(VIRTIO_F_VERSION_1);
    if ((offered & version1) === 0n) throw new PciError('the device does not offer VERSION_1');
    const features = (offered & wanted) | version1;
    for (const half of [0, 1]) {
      await this.set('driver_feature_select', half);
      await this.set('driver_feature', Number((features >> BigInt(32 * half)) & 0xffff_ffffn));
    }
    await this.#addStatus(VirtioStatus.FEATURES_OK);
    if (((await this.get('device_status')) & VirtioStatus.FEATURES_OK) === 0) {
      throw new PciError(`the device does not accept the features 0x${features.toString(16)}`);
    }
    return features;
  }

  /** Hands a ring over; `vector` is that of its interrupts. Throws `PciError` if the device has no such queue or vector. */
  async setupQueue(index: number, layout: RingLayout, vector: number = VIRTIO_MSI_NO_VECTOR): Promise<void> {
    await this.set('queue_select', index);
    const largest = await this.get('queue_size');
    if (largest < layout.size) throw new PciError(`queue ${index} takes ${largest} entries, not ${layout.size}`);
    await this.set('queue_size', layout.size);
    for (const [low, high, address] of [
      ['queue_desc_lo', 'queue_desc_hi', layout.descriptors],
      ['queue_driver_lo', 'queue_driver_hi', layout.available],
      ['queue_device_lo', 'queue_device_hi', layout.used],
    ] as const) {
      await this.set(low, address % 0x1_0000_0000);
      await this.set(high, Math.floor(address / 0x1_0000_0000));
    }
    await this.set('queue_msix_vector', vector);
    if ((await this.get('queue_msix_vector')) !== vector) throw new PciError(`the device has no vector ${vector}`);
    this.#notifyOffsets.set(index, await this.get('queue_notify_off'));
    await this.set('queue_enable', 1);
  }

  /** Tells the device that all is set up: it starts its rings. */
  ready(): Promise<void> {
    return this.#addStatus(VirtioStatus.DRIVER_OK);
  }

  /** Rings the doorbell of a queue that was set up. */
  notify(index: number): Promise<void> {
    const { bar, offset, multiplier } = this.structures.notify;
    return this.#access.writeBar(bar, offset + multiplier * (this.#notifyOffsets.get(index) ?? index), little(index, 2));
  }

  /** Reads the configuration of the device type, the part of it that exists. */
  async readDeviceConfig(offset: number, length: number): Promise<Uint8Array> {
    const place = this.structures.device;
    const there = Math.max(0, Math.min(length, (place?.length ?? 0) - offset));
    if (place === undefined || there === 0) return new Uint8Array(0);
    for (let i = 0; i < RESET_ATTEMPTS; i++) {
      const before = await this.get('config_generation');
      const bytes = await this.#access.readBar(place.bar, place.offset + offset, there);
      if ((await this.get('config_generation')) === before) return bytes;
    }
    throw new PciError('the configuration of the device changes without an end');
  }

  /** Turns MSI-X on or off. */
  async enableMsix(on: boolean): Promise<void> {
    if (this.#msix === undefined) return;
    const at = this.#msix + pci_msix_cap.fields.control.offset;
    await this.#access.writeConfig(at, little(on ? PCI_MSIX_FLAGS_ENABLE : 0, 2));
  }

  async #addStatus(bits: number): Promise<void> {
    await this.set('device_status', (await this.get('device_status')) | bits);
  }
}

function number(bytes: Uint8Array): number {
  let value = 0;
  for (let i = bytes.length - 1; i >= 0; i--) value = value * 256 + (bytes[i] as number);
  return value;
}

function little(value: number, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => Math.floor(value / 256 ** i) & 0xff);
}

function findStructures(view: DataView): { structures: PciStructures; msix: number | undefined } {
  const found = new Map<number, PciPlace & { at: number }>();
  let msix: number | undefined;
  let at = pci_header.fields.capabilities_pointer.get(view, 0);
  // No more capabilities fit than there are words: a list that is longer runs in a circle.
  for (let i = 0; at >= pci_header.size && at + 4 <= PCI_CONFIG_BYTES && i < PCI_CONFIG_BYTES / 4; i++) {
    const id = view.getUint8(at);
    if (id === PCI_CAP_ID_MSIX) msix = at;
    if (id === PCI_CAP_ID_VNDR && at + virtio_pci_cap.size <= PCI_CONFIG_BYTES) {
      const f = virtio_pci_cap.fields;
      const place = { at, bar: f.bar.get(view, at), offset: f.offset.get(view, at), length: f.length.get(view, at) };
      const type = f.cfg_type.get(view, at);
      if (!found.has(type)) found.set(type, place);
    }
    at = view.getUint8(at + 1);
  }
  const need = (type: number, name: string): PciPlace & { at: number } => {
    const place = found.get(type);
    if (place === undefined) throw new PciError(`the device has no ${name} capability`);
    return place;
  };
  const place = ({ bar, offset, length }: PciPlace): PciPlace => ({ bar, offset, length });
  const notify = need(VirtioPciCap.NOTIFY, 'notification');
  const device = found.get(VirtioPciCap.DEVICE);
  const shared = found.get(VirtioPciCap.SHARED_MEMORY);
  const structures: PciStructures = {
    common: place(need(VirtioPciCap.COMMON, 'common configuration')),
    isr: place(need(VirtioPciCap.ISR, 'interrupt status')),
    notify: { ...place(notify), multiplier: virtio_pci_notify_cap.fields.notify_off_multiplier.get(view, notify.at) },
    device: device && place(device),
    shared: shared && {
      bar: shared.bar,
      offset: shared.offset + 0x1_0000_0000 * virtio_pci_cap64.fields.offset_hi.get(view, shared.at),
      length: shared.length + 0x1_0000_0000 * virtio_pci_cap64.fields.length_hi.get(view, shared.at),
    },
  };
  return { structures, msix };
}

/** Sizes the regions by writing all ones, and puts back what was there. */
async function sizeBars(access: PciAccess): Promise<PciBar[]> {
  const bars: PciBar[] = [];
  const register = async (index: number): Promise<number> => {
    const at = pci_header.fields.base_address.at(index).offset;
    const old = await access.readConfig(at, 4);
    await access.writeConfig(at, little(0xffff_ffff, 4));
    const mask = number(await access.readConfig(at, 4));
    await access.writeConfig(at, old);
    return mask;
  };
  for (let index = 0; index < 6; index++) {
    const low = await register(index);
    if (low === 0) continue;
    const bits = (low & PCI_BAR_MEM_64) !== 0 ? 64 : 32;
    const prefetchable = (low & PCI_BAR_MEM_PREFETCH) !== 0;
    const address = low - (low % 16);
    const high = bits === 64 ? await register(index + 1) : 0xffff_ffff;
    const size = address === 0 ? (0x1_0000_0000 - high) * 0x1_0000_0000 : 0x1_0000_0000 - address;
    bars.push({ index, size, bits, prefetchable });
    if (bits === 64) index += 1;
  }
  return bars;
}

function setCommand(access: PciAccess, command: number): Promise<void> {
  return access.writeConfig(pci_header.fields.command.offset, Uint8Array.of(command, 0));
}
