// SPDX-License-Identifier: Apache-2.0
/**
 * A modern virtio device on PCI (VIRTIO 1.4, 4.1), for any embedder that can carry accesses to a configuration space and to
 * memory regions: a vfio-user socket, a virtual machine in a browser.
 *
 * | region | at | holds |
 * | --- | --- | --- |
 * | 0, 32-bit, 16 KiB | 0 | common configuration |
 * | | 0x1000 | interrupt status |
 * | | 0x2000 | configuration of the device type |
 * | | 0x3000 | notifications, 4 bytes a queue |
 * | 1, 32-bit, 4 KiB | 0, 0x800 | MSI-X table, pending bits |
 * | 2, 64-bit, prefetchable | 0 | shared memory region 0, where there is one |
 *
 * The guest is hostile: no access throws, whatever its place, width and time.
 */
import type { RingLayout } from '../../virtqueue/ring-layout.ts';
import {
  PCI_CAP_ID_MSIX,
  PCI_CAP_ID_VNDR,
  PCI_CLASS_MULTIMEDIA_OTHER,
  PCI_COMMAND_MASTER,
  PCI_MSIX_FLAGS_ENABLE,
  PCI_MSIX_FLAGS_MASKALL,
  pci_header,
  pci_msix_cap,
  VIRTIO_ISR_CONFIG,
  VIRTIO_ISR_QUEUE,
  VIRTIO_MSI_NO_VECTOR,
  VIRTIO_PCI_DEVICE_ID_BASE,
  VIRTIO_PCI_SUBSYSTEM_ID,
  VIRTIO_PCI_VENDOR_ID,
  VirtioPciCap,
  virtio_pci_cap,
  virtio_pci_cap64,
  virtio_pci_cfg_cap,
  virtio_pci_common_cfg,
  virtio_pci_notify_cap,
} from '../../wire/pci/virtio-pci.ts';
import { CommonConfig, type VirtioPciState } from './common-config.ts';
import { ConfigSpace, type PciBar } from './config-space.ts';
import { MsixTable } from './msix-table.ts';
import { PciError } from './pci-error.ts';

/** Region 0: the registers. */
export const REGISTER_BAR = 0;
/** Region 1: MSI-X. */
export const MSIX_BAR = 1;
/** Region 2: shared memory. */
export const SHARED_BAR = 2;

const REGISTER_BYTES = 0x4000;
const ISR_AT = 0x1000;
const DEVICE_AT = 0x2000;
const NOTIFY_AT = 0x3000;
const NOTIFY_MULTIPLIER = 4;
const MSIX_BYTES = 0x1000;
const PBA_AT = 0x800;
/** configuration of a device type at most: what lies between it and the notifications */
const MAX_DEVICE_CONFIG = NOTIFY_AT - DEVICE_AT;
const MAX_QUEUES = 64;
const NONE: readonly number[] = [];

/** Who carries the device and who stands behind it. */
export interface VirtioPciOwner {
  /** The configuration of the device type; asked for at every access. */
  config(): Uint8Array;
  /** The driver has chosen its features. */
  negotiated?(features: bigint): void;
  /**
   * Starts a ring; false if it is not sound: the device then needs a reset. Called when the driver is ready (DRIVER_OK), or
   * later for a ring that it enables later.
   */
  startQueue(index: number, layout: RingLayout, features: bigint): boolean;
  /** Stops all rings and lets go of guest memory; the driver sees the reset as done when it resolves. Must not reject. */
  reset(): Promise<void>;
  /**
   * The guest forbids the function to touch memory, or allows it again. A function that was never told so may: not every
   * firmware says it.
   */
  busMaster?(on: boolean): void;
  /** Sends MSI-X vector `n`. */
  raiseVector(n: number): void;
  /** Raises or lowers the interrupt line; only with `interruptPin` 1. */
  setInterruptLine?(raised: boolean): void;
  /** Accesses of the guest to shared memory, inside the region; for embedders that do not map it. */
  readonly shared?: { read(offset: number, into: Uint8Array): void; write(offset: number, from: Uint8Array): void };
}

/** What a device is. */
export interface VirtioPciOptions {
  /** virtio device type, for example 48 */
  readonly virtioId: number;
  /** features offered by bit; VERSION_1 comes by itself */
  readonly features: bigint;
  readonly queues: number;
  /** entries of each queue at most, a power of two; default 256 */
  readonly queueSize?: number;
  /** bytes of the configuration of the device type */
  readonly configBytes: number;
  /** bytes of shared memory region 0, a power of two from 4096 on; 0 for none */
  readonly sharedBytes: number;
  /** 24-bit PCI class; default: other multimedia controller */
  readonly classCode?: number;
  /** 1 for embedders without MSI-X; default 0 */
  readonly interruptPin?: 0 | 1;
}

/** See the top of the file. */
export class VirtioPciDevice {
  /** the memory regions that exist */
  readonly bars: readonly PciBar[];
  /** MSI-X vectors: one for configuration changes and one a queue */
  readonly vectors: number;
  readonly msix: MsixTable;
  readonly #owner: VirtioPciOwner;
  readonly #space: ConfigSpace;
  readonly #common: CommonConfig;
  readonly #configBytes: number;
  readonly #queues: number;
  readonly #pin: 0 | 1;
  /** where the capability for accesses through the configuration space lies */
  readonly #window: number;
  readonly #msixAt: number;
  #isr = 0;
  /** queues to look at after the write that is under way */
  #rung: number[] = [];

  /** Throws `PciError` if the options are out of range. */
  constructor(o: VirtioPciOptions, owner: VirtioPciOwner) {
    const queueSize = o.queueSize ?? 256;
    if (o.queues < 1 || o.queues > MAX_QUEUES) throw new PciError(`${o.queues} queues: choose 1 to ${MAX_QUEUES}`);
    if (o.configBytes < 0 || o.configBytes > MAX_DEVICE_CONFIG) {
      throw new PciError(`a device configuration of ${o.configBytes} bytes: at most ${MAX_DEVICE_CONFIG} fit`);
    }
    if (queueSize < 1 || queueSize > 32768 || (queueSize & (queueSize - 1)) !== 0) {
      throw new PciError(`queues of ${queueSize} entries: choose a power of two up to 32768`);
    }
    this.#owner = owner;
    this.#configBytes = o.configBytes;
    this.#queues = o.queues;
    this.#pin = o.interruptPin ?? 0;
    this.vectors = o.queues + 1;
    this.msix = new MsixTable(this.vectors, MSIX_BYTES, PBA_AT);
    this.bars = [
      { index: REGISTER_BAR, size: REGISTER_BYTES, bits: 32, prefetchable: false },
      { index: MSIX_BAR, size: MSIX_BYTES, bits: 32, prefetchable: false },
      ...(o.sharedBytes > 0 ? [{ index: SHARED_BAR, size: o.sharedBytes, bits: 64, prefetchable: true } as const] : []),
    ];
    this.#space = new ConfigSpace(
      {
        vendorId: VIRTIO_PCI_VENDOR_ID,
        deviceId: VIRTIO_PCI_DEVICE_ID_BASE + o.virtioId,
        subsystemId: VIRTIO_PCI_SUBSYSTEM_ID,
        revision: 1,
        classCode: o.classCode ?? PCI_CLASS_MULTIMEDIA_OTHER,
        interruptPin: this.#pin,
      },
      this.bars,
    );
    this.#msixAt = this.#addMsix();
    this.#addStructure(VirtioPciCap.COMMON, 0, virtio_pci_common_cfg.size);
    this.#addStructure(VirtioPciCap.ISR, ISR_AT, 1);
    if (o.configBytes > 0) this.#addStructure(VirtioPciCap.DEVICE, DEVICE_AT, o.configBytes);
    this.#addNotify(NOTIFY_AT, NOTIFY_MULTIPLIER * o.queues);
    this.#window = this.#addWindow();
    if (o.sharedBytes > 0) this.#addShared(o.sharedBytes);
    this.#common = new CommonConfig(
      { features: o.features, queues: o.queues, queueSize, vectors: this.vectors },
      {
        negotiated: (features) => owner.negotiated?.(features),
        startQueue: (index, layout, features) => owner.startQueue(index, layout, features),
        started: () => {
          for (let i = 0; i < o.queues; i++) this.#rung.push(i);
        },
        reset: () => {
          this.#lower();
          return owner.reset();
        },
      },
    );
  }

  /** Where in its life the device is. */
  get state(): VirtioPciState {
    return this.#common.state;
  }

  /** Features that both sides agreed on; 0 before that. */
  get features(): bigint {
    return this.#common.features;
  }

  /** True while the driver has MSI-X enabled. */
  get msixEnabled(): boolean {
    return (pci_msix_cap.fields.control.get(this.#space.view, this.#msixAt) & PCI_MSIX_FLAGS_ENABLE) !== 0;
  }

  /** Tells the driver that a ring has used buffers. */
  interrupt(queue: number): void {
    if (this.#common.state === 'live') this.#interrupt(this.#common.queueVector(queue), VIRTIO_ISR_QUEUE);
  }

  /** Tells the driver that the configuration of the device type changed. */
  configChanged(): void {
    this.#common.bumpGeneration();
    if (this.#common.state === 'live') this.#interrupt(this.#common.configVector, VIRTIO_ISR_CONFIG);
  }

  /** A ring is malformed: the device does nothing any more until the driver resets it, and says so (2.1.2). */
  needsReset(): void {
    if (this.#common.break()) this.#interrupt(this.#common.configVector, VIRTIO_ISR_CONFIG);
  }

  /** A reset of the function: of the virtio device, of MSI-X and of what the guest wrote to the configuration space. */
  async reset(): Promise<void> {
    await this.#common.reset();
    this.#space.clear();
    this.msix.reset();
  }

  /** A read of the configuration space. */
  readConfig(offset: number, into: Uint8Array): void {
    this.#space.read(offset, into);
    const access = this.#windowAccess(offset, into.length);
    if (access !== undefined) this.readBar(access.bar, access.offset, into);
  }

  /** A write to the configuration space. Answers the queues to look at, as `writeBar` does. */
  writeConfig(offset: number, from: Uint8Array): readonly number[] {
    const before = this.#busMaster;
    this.#space.write(offset, from);
    if (this.#busMaster !== before) this.#owner.busMaster?.(!before);
    const access = this.#windowAccess(offset, from.length);
    return (access && this.writeBar(access.bar, access.offset, from)) ?? NONE;
  }

  /** A read of a memory region. False, and all ones, if it does not lie in one. */
  readBar(bar: number, offset: number, into: Uint8Array): boolean {
    if (!this.#inside(bar, offset, into.length)) {
      into.fill(0xff);
      return false;
    }
    into.fill(0);
    if (bar === MSIX_BAR) this.msix.read(offset, into);
    else if (bar === SHARED_BAR) this.#owner.shared?.read(offset, into);
    else this.#readRegisters(offset, into);
    return true;
  }

  /**
   * A write to a memory region. Answers the queues to look at: those of running rings whose doorbell it rang, or, where it started
   * rings, all, since they may hold something already (P16). Undefined if it does not lie in a region.
   */
  writeBar(bar: number, offset: number, from: Uint8Array): readonly number[] | undefined {
    if (!this.#inside(bar, offset, from.length)) return undefined;
    if (bar === MSIX_BAR) this.msix.write(offset, from);
    else if (bar === SHARED_BAR) this.#owner.shared?.write(offset, from);
    else if (offset < virtio_pci_common_cfg.size) this.#common.write(offset, from);
    else if (offset >= NOTIFY_AT) this.#doorbell(offset - NOTIFY_AT, from.length);
    if (this.#rung.length === 0) return NONE;
    const rung = this.#rung;
    this.#rung = [];
    return rung;
  }

  #inside(bar: number, offset: number, length: number): boolean {
    const size = this.bars.find(({ index }) => index === bar)?.size ?? 0;
    return Number.isSafeInteger(offset) && offset >= 0 && length > 0 && offset + length <= size;
  }

  #readRegisters(offset: number, into: Uint8Array): void {
    if (offset < virtio_pci_common_cfg.size) this.#common.read(offset, into);
    else if (offset === ISR_AT) {
      into[0] = this.#isr;
      this.#lower();
    } else if (offset >= DEVICE_AT && offset < DEVICE_AT + this.#configBytes) {
      const at = offset - DEVICE_AT;
      into.set(this.#owner.config().subarray(at, Math.min(at + into.length, this.#configBytes)));
    }
  }

  get #busMaster(): boolean {
    return (pci_header.fields.command.get(this.#space.view, 0) & PCI_COMMAND_MASTER) !== 0;
  }

  #doorbell(offset: number, width: number): void {
    const queue = offset / NOTIFY_MULTIPLIER;
    if ((width !== 2 && width !== 4) || !Number.isInteger(queue) || queue >= this.#queues) return;
    if (this.#common.state === 'live') this.#rung.push(queue);
  }

  #interrupt(vector: number, isr: number): void {
    if (vector !== VIRTIO_MSI_NO_VECTOR) {
      this.#owner.raiseVector(vector);
      return;
    }
    if (this.msixEnabled) return;
    this.#isr |= isr;
    if (this.#pin === 1) this.#owner.setInterruptLine?.(true);
  }

  /** The driver has seen the interrupt status. */
  #lower(): void {
    if (this.#isr === 0) return;
    this.#isr = 0;
    if (this.#pin === 1) this.#owner.setInterruptLine?.(false);
  }

  /** What an access to `pci_cfg_data` means (4.1.4.9); undefined for all others, and for those that may not be. */
  #windowAccess(offset: number, width: number): { bar: number; offset: number } | undefined {
    const cap = virtio_pci_cfg_cap.fields;
    if (offset !== this.#window + cap.pci_cfg_data.offset) return undefined;
    const view = this.#space.view;
    const bar = cap.cap.fields.bar.get(view, this.#window);
    const at = cap.cap.fields.offset.get(view, this.#window);
    const length = cap.cap.fields.length.get(view, this.#window);
    const sound = length === width && (length === 1 || length === 2 || length === 4) && at % length === 0;
    return sound ? { bar, offset: at } : undefined;
  }

  #addMsix(): number {
    const content = new Uint8Array(pci_msix_cap.size);
    const view = new DataView(content.buffer);
    const cap = pci_msix_cap.fields;
    cap.control.set(view, 0, this.vectors - 1);
    cap.table.set(view, 0, MSIX_BAR);
    cap.pba.set(view, 0, PBA_AT | MSIX_BAR);
    const at = this.#space.addCapability(PCI_CAP_ID_MSIX, content);
    const writable = PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL;
    this.#space.allow(at + cap.control.offset, [writable & 0xff, writable >> 8]);
    return at;
  }

  #addStructure(type: number, offset: number, length: number): void {
    this.#space.addCapability(PCI_CAP_ID_VNDR, structure(virtio_pci_cap.size, type, REGISTER_BAR, offset, length));
  }

  #addNotify(offset: number, length: number): void {
    const content = structure(virtio_pci_notify_cap.size, VirtioPciCap.NOTIFY, REGISTER_BAR, offset, length);
    virtio_pci_notify_cap.fields.notify_off_multiplier.set(new DataView(content.buffer), 0, NOTIFY_MULTIPLIER);
    this.#space.addCapability(PCI_CAP_ID_VNDR, content);
  }

  #addWindow(): number {
    const content = structure(virtio_pci_cfg_cap.size, VirtioPciCap.PCI_CFG, 0, 0, 0);
    const at = this.#space.addCapability(PCI_CAP_ID_VNDR, content);
    const { cap, pci_cfg_data } = virtio_pci_cfg_cap.fields;
    for (const { offset, size } of [cap.fields.bar, cap.fields.offset, cap.fields.length, pci_cfg_data]) {
      this.#space.allow(at + offset, new Array<number>(size).fill(0xff));
    }
    return at;
  }

  #addShared(length: number): void {
    const content = structure(virtio_pci_cap64.size, VirtioPciCap.SHARED_MEMORY, SHARED_BAR, 0, length % 0x1_0000_0000);
    virtio_pci_cap64.fields.length_hi.set(new DataView(content.buffer), 0, Math.floor(length / 0x1_0000_0000));
    this.#space.addCapability(PCI_CAP_ID_VNDR, content);
  }
}

function structure(size: number, type: number, bar: number, offset: number, length: number): Uint8Array<ArrayBuffer> {
  const content = new Uint8Array(size);
  const view = new DataView(content.buffer);
  const cap = virtio_pci_cap.fields;
  cap.cap_len.set(view, 0, size);
  cap.cfg_type.set(view, 0, type);
  cap.bar.set(view, 0, bar);
  cap.offset.set(view, 0, offset);
  cap.length.set(view, 0, length);
  return content;
}
