// SPDX-License-Identifier: Apache-2.0
/**
 * The common configuration of a virtio device on PCI (VIRTIO 1.4, 4.1.4.3) and its life.
 *
 *     fresh --ACKNOWLEDGE--> probing --FEATURES_OK, sound--> negotiated --DRIVER_OK--> live --broken ring--> broken
 *       ^                        \________________ status 0 ______|_____________________|_____________________/
 *       |                                               v
 *       \------------ the owner has let go -------- resetting
 *
 * The driver is hostile: a write that is not one whole register at its place, or that comes at the wrong time, is ignored.
 */
import { bit } from '../../base/index.ts';
import type { RingLayout } from '../../virtqueue/ring-layout.ts';
import { VIRTIO_F_VERSION_1 } from '../../wire/index.ts';
import { VIRTIO_MSI_NO_VECTOR, VirtioStatus, virtio_pci_common_cfg } from '../../wire/pci/virtio-pci.ts';

/** Where in its life a device is: see the drawing. */
export type VirtioPciState = 'fresh' | 'probing' | 'negotiated' | 'live' | 'broken' | 'resetting';

/** What the registers bring about. */
export interface CommonConfigEvents {
  /** The driver has chosen its features (FEATURES_OK). */
  negotiated(features: bigint): void;
  /** Starts a ring; false if it is not sound, which breaks the device. `features` are those that were agreed on. */
  startQueue(index: number, layout: RingLayout, features: bigint): boolean;
  /** All rings that the driver enabled run: what waits in them is to be handled. */
  started(): void;
  /** Lets go of all rings and all guest memory; resolves when that is so. */
  reset(): Promise<void>;
}

/** What the registers say from the start. */
export interface CommonConfigOptions {
  /** features offered, by bit; VERSION_1 is always among them */
  readonly features: bigint;
  readonly queues: number;
  /** entries of a queue at most, a power of two */
  readonly queueSize: number;
  /** MSI-X vectors; others are refused */
  readonly vectors: number;
}

interface QueueRegisters {
  size: number;
  vector: number;
  enabled: boolean;
  /** desc, driver, device; low and high */
  readonly address: [number, number, number, number, number, number];
}

const DRIVER_BITS =
  VirtioStatus.ACKNOWLEDGE | VirtioStatus.DRIVER | VirtioStatus.DRIVER_OK | VirtioStatus.FEATURES_OK | VirtioStatus.FAILED;

const f = virtio_pci_common_cfg.fields;
/** the registers that can be written, by offset */
const WRITABLE = new Map(
  (
    [
      'device_feature_select',
      'driver_feature_select',
      'driver_feature',
      'config_msix_vector',
      'device_status',
      'queue_select',
      'queue_size',
      'queue_msix_vector',
      'queue_enable',
      'queue_desc_lo',
      'queue_desc_hi',
      'queue_driver_lo',
      'queue_driver_hi',
      'queue_device_lo',
      'queue_device_hi',
    ] as const
  ).map((name) => [f[name].offset, { name, size: f[name].size }]),
);
type ConfigRegister = typeof WRITABLE extends Map<number, { name: infer N }> ? N : never;

const ADDRESSES: readonly ConfigRegister[] = [
  'queue_desc_lo',
  'queue_desc_hi',
  'queue_driver_lo',
  'queue_driver_hi',
  'queue_device_lo',
  'queue_device_hi',
];

/** See the top of the file. */
export class CommonConfig {
  readonly #o: CommonConfigOptions;
  readonly #events: CommonConfigEvents;
  readonly #offered: bigint;
  readonly #image = new Uint8Array(virtio_pci_common_cfg.size);
  readonly #view = new DataView(this.#image.buffer);
  #queues: QueueRegisters[] = [];
  #state: VirtioPciState = 'fresh';
  #status = 0;
  #chosen = 0n;
  #deviceSelect = 0;
  #driverSelect = 0;
  #queueSelect = 0;
  #configVector = VIRTIO_MSI_NO_VECTOR;
  #generation = 0;
  #resetting: Promise<void> | undefined;

  constructor(o: CommonConfigOptions, events: CommonConfigEvents) {
    this.#o = o;
    this.#events = events;
    this.#offered = o.features | bit(VIRTIO_F_VERSION_1);
    this.#clear();
  }

  /** Where in its life the device is. */
  get state(): VirtioPciState {
    return this.#state;
  }

  /** Features that both sides agreed on; 0 before that. */
  get features(): bigint {
    return this.#state === 'negotiated' || this.#state === 'live' || this.#state === 'broken' ? this.#chosen : 0n;
  }

  /** The vector of configuration changes, or `VIRTIO_MSI_NO_VECTOR`. */
  get configVector(): number {
    return this.#configVector;
  }

  /** The vector of a queue, or `VIRTIO_MSI_NO_VECTOR`. */
  queueVector(index: number): number {
    return this.#queues[index]?.vector ?? VIRTIO_MSI_NO_VECTOR;
  }

  /** The device specific configuration changed. */
  bumpGeneration(): void {
    this.#generation = (this.#generation + 1) & 0xff;
  }

  /** A ring is malformed: nothing works until the driver resets the device. True if it is to be told so by an interrupt. */
  break(): boolean {
    if (this.#state !== 'live') return false;
    this.#state = 'broken';
    this.#status |= VirtioStatus.DEVICE_NEEDS_RESET;
    return true;
  }

  /** The registers as they are; part of what is asked for may lie behind their end and stays as it is. */
  read(offset: number, into: Uint8Array): void {
    this.#refresh();
    into.set(this.#image.subarray(offset, offset + into.length));
  }

  /** One register, or two neighbours of 32 bits as one of 64. */
  write(offset: number, from: Uint8Array): void {
    if (from.length === 8) {
      this.write(offset, from.subarray(0, 4));
      this.write(offset + 4, from.subarray(4));
      return;
    }
    const register = WRITABLE.get(offset);
    if (register === undefined || register.size !== from.length) return;
    let value = 0;
    for (let i = from.length - 1; i >= 0; i--) value = value * 256 + (from[i] as number);
    this.#set(register.name, value);
  }

  /** Resets as status 0 does; resolves when the owner has let go. */
  reset(): Promise<void> {
    if (this.#resetting !== undefined) return this.#resetting;
    if (this.#state === 'fresh') {
      this.#clear();
      return Promise.resolve();
    }
    // The status keeps its bits until the reset is done: that is what drivers wait for (4.1.4.3.1).
    this.#state = 'resetting';
    this.#resetting = this.#events.reset().then(() => {
      this.#resetting = undefined;
      this.#state = 'fresh';
      this.#clear();
    });
    return this.#resetting;
  }

  #clear(): void {
    this.#status = 0;
    this.#chosen = 0n;
    this.#deviceSelect = 0;
    this.#driverSelect = 0;
    this.#queueSelect = 0;
    this.#configVector = VIRTIO_MSI_NO_VECTOR;
    this.#queues = Array.from({ length: this.#o.queues }, () => ({
      size: this.#o.queueSize,
      vector: VIRTIO_MSI_NO_VECTOR,
      enabled: false,
      address: [0, 0, 0, 0, 0, 0],
    }));
  }

  #set(name: ConfigRegister, value: number): void {
    if (this.#state === 'resetting') return;
    const queue = this.#queues[this.#queueSelect];
    switch (name) {
      case 'device_feature_select':
        this.#deviceSelect = value;
        return;
      case 'driver_feature_select':
        this.#driverSelect = value;
        return;
      case 'driver_feature':
        this.#choose(value);
        return;
      case 'config_msix_vector':
        this.#configVector = this.#vector(value);
        return;
      case 'device_status':
        this.#setStatus(value);
        return;
      case 'queue_select':
        this.#queueSelect = value;
        return;
      case 'queue_size':
        if (queue === undefined || queue.enabled || value === 0 || value > this.#o.queueSize || (value & (value - 1)) !== 0)
          return;
        queue.size = value;
        return;
      case 'queue_msix_vector':
        if (queue !== undefined) queue.vector = this.#vector(value);
        return;
      case 'queue_enable':
        // Without a reset of single queues (VIRTIO_F_RING_RESET) there is no way back but that of the whole device.
        if (queue === undefined || queue.enabled || value !== 1) return;
        queue.enabled = true;
        if (this.#state === 'live' && this.#startQueue(this.#queueSelect, queue)) this.#events.started();
        return;
      default:
        if (queue !== undefined && !queue.enabled) queue.address[ADDRESSES.indexOf(name)] = value;
    }
  }

  #vector(value: number): number {
    return value < this.#o.vectors ? value : VIRTIO_MSI_NO_VECTOR;
  }

  #choose(value: number): void {
    if ((this.#state !== 'fresh' && this.#state !== 'probing') || this.#driverSelect > 1) return;
    const shift = BigInt(32 * this.#driverSelect);
    this.#chosen = (this.#chosen & ~(0xffff_ffffn << shift)) | (BigInt(value) << shift);
  }

  #setStatus(value: number): void {
    if (value === 0) {
      void this.reset();
      return;
    }
    let added = value & DRIVER_BITS & ~this.#status;
    if (this.#state === 'fresh') this.#state = 'probing';
    if ((added & VirtioStatus.FEATURES_OK) !== 0) {
      if (this.#state === 'probing' && this.#sound()) {
        this.#state = 'negotiated';
        this.#events.negotiated(this.#chosen);
      } else added &= ~VirtioStatus.FEATURES_OK;
    }
    const go = (added & VirtioStatus.DRIVER_OK) !== 0 && this.#state === 'negotiated';
    if (!go) added &= ~VirtioStatus.DRIVER_OK;
    this.#status |= added;
    if (go) this.#goLive();
  }

  /** What may not be chosen is not accepted (2.2.2, 6.2). */
  #sound(): boolean {
    return (this.#chosen & ~this.#offered) === 0n && (this.#chosen & bit(VIRTIO_F_VERSION_1)) !== 0n;
  }

  #goLive(): void {
    this.#state = 'live';
    for (const [index, queue] of this.#queues.entries()) {
      if (queue.enabled && !this.#startQueue(index, queue)) return;
    }
    this.#events.started();
  }

  #startQueue(index: number, queue: QueueRegisters): boolean {
    const a = queue.address;
    const layout: RingLayout = {
      size: queue.size,
      descriptors: address(a[0], a[1]),
      available: address(a[2], a[3]),
      used: address(a[4], a[5]),
    };
    if (this.#events.startQueue(index, layout, this.#chosen)) return true;
    this.break();
    return false;
  }

  #refresh(): void {
    const view = this.#view;
    const queue = this.#queues[this.#queueSelect];
    f.device_feature_select.set(view, 0, this.#deviceSelect);
    f.device_feature.set(view, 0, half(this.#offered, this.#deviceSelect));
    f.driver_feature_select.set(view, 0, this.#driverSelect);
    f.driver_feature.set(view, 0, half(this.#chosen, this.#driverSelect));
    f.config_msix_vector.set(view, 0, this.#configVector);
    f.num_queues.set(view, 0, this.#o.queues);
    f.device_status.set(view, 0, this.#status);
    f.config_generation.set(view, 0, this.#generation);
    f.queue_select.set(view, 0, this.#queueSelect);
    // A queue that is not there has size 0 (4.1.4.3.2).
    f.queue_size.set(view, 0, queue?.size ?? 0);
    f.queue_msix_vector.set(view, 0, queue?.vector ?? VIRTIO_MSI_NO_VECTOR);
    f.queue_enable.set(view, 0, queue?.enabled === true ? 1 : 0);
    f.queue_notify_off.set(view, 0, queue === undefined ? 0 : this.#queueSelect);
    for (const [i, name] of ADDRESSES.entries()) f[name].set(view, 0, queue?.address[i] ?? 0);
  }
}

function half(features: bigint, select: number): number {
  return select > 1 ? 0 : Number((features >> BigInt(32 * select)) & 0xffff_ffffn);
}

/** A guest-physical address; beyond 2^53 it is none that any memory has. */
function address(low: number, high: number): number {
  return high > 0x1f_ffff ? Number.POSITIVE_INFINITY : high * 0x1_0000_0000 + low;
}
