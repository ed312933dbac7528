// SPDX-License-Identifier: Apache-2.0
/**
 * A vfio-user client with a virtio driver on top: what a VMM and its guest are for a PCI device. Guest memory is shared
 * memory, interrupts are eventfds, shared memory region 0 is the server's file, doorbells are writes to a register.
 */
import {
  bit,
  DEVICE_FEATURES,
  type DriverTransport,
  type GuestBlock,
  type GuestMemory,
  NO_RING_FEATURES,
  type RingFeatures,
  type RingLayout,
  ringFeatures,
  VIRTIO_RING_F_EVENT_IDX,
  VIRTIO_RING_F_INDIRECT_DESC,
  VirtioPciDriver,
} from '@paravideo/core';
import { connectUnix, drain, eventfd, type Fd, fileSize, MemoryMapping, watch } from '../../sys/index.ts';
import {
  CONFIG_REGION,
  type CommandName,
  DMA_FLAG,
  IRQ_SET,
  irq_info,
  MSIX_IRQ,
  REGION_FLAG,
  region_access,
  region_info,
  version,
} from '../../transport/vfio-user/index.ts';
import { FrontendError } from '../frontend-error.ts';
import { GuestRam } from '../guest-ram.ts';
import { VfioChannel, type VfioReply } from './vfio-channel.ts';
import {
  accessPayload,
  deviceInfoPayload,
  irqInfoPayload,
  mapPayload,
  regionInfoPayload,
  setIrqsPayload,
  unmapPayload,
  versionPayload,
} from './vfio-payloads.ts';

/** Options of a client. */
export interface VfioFrontendOptions {
  /** guest memory, half above and half below 4 GiB; default 64 MiB */
  readonly memoryBytes?: number;
  /** ring features to accept; default: all that are offered */
  readonly features?: Partial<RingFeatures>;
  /** feature bits of the device type to accept, where they are offered; default: none */
  readonly deviceFeatures?: bigint;
  /** queues to set up; default 2 */
  readonly queues?: number;
  /** milliseconds that the server has for its first answer; default 30 s */
  readonly firstWithin?: number;
}

const HIGH_BASE = 0x1_0000_0000;
const LOW_BASE = 0x10_0000;

interface Interrupt {
  readonly fd: Fd;
  readonly watching: Disposable;
  listener: (() => void) | undefined;
}

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1));

/** Connects to a server and finds its device; throws `SysError` if nobody listens, `FrontendError` or `PciError` if it is no virtio device. */
export async function connectVfioFrontend(path: string, o: VfioFrontendOptions = {}): Promise<VfioFrontend> {
  return VfioFrontend.over(connectUnix(path), o);
}

/** See the top of the file. */
export class VfioFrontend implements DriverTransport, AsyncDisposable {
  readonly closed: Promise<string>;
  readonly ram = new GuestRam();
  readonly #channel: VfioChannel;
  readonly #o: VfioFrontendOptions;
  readonly #interrupts: Interrupt[] = [];
  #driver: VirtioPciDriver | undefined;
  #features: RingFeatures = NO_RING_FEATURES;
  #deviceFeatures = 0n;
  #shared: MemoryMapping | undefined;
  /** rings handed over since the last reset */
  readonly #enabled = new Map<number, RingLayout>();
  #negotiated = false;
  #open = true;

  private constructor(channel: VfioChannel, o: VfioFrontendOptions) {
    this.#channel = channel;
    this.#o = o;
    this.closed = channel.closed;
    void channel.closed.then(() => this.#release());
  }

  /** The same as `connectVfioFrontend` over a socket that is there already; takes it over. */
  static async over(fd: Fd, o: VfioFrontendOptions = {}): Promise<VfioFrontend> {
    const frontend = new VfioFrontend(new VfioChannel(fd, o.firstWithin), o);
    try {
      await frontend.#begin(o.memoryBytes ?? 64 << 20);
      return frontend;
    } catch (error) {
      await frontend.close();
      throw error;
    }
  }

  get memory(): GuestMemory {
    return this.ram.memory;
  }

  get features(): RingFeatures {
    return this.#features;
  }

  get deviceFeatures(): bigint {
    return this.#deviceFeatures;
  }

  get sharedLength(): number {
    return this.#shared?.length ?? 0;
  }

  /** The driver of the function's registers. */
  get driver(): VirtioPciDriver {
    if (this.#driver === undefined) throw new FrontendError('the function was not found yet');
    return this.#driver;
  }

  allocate(length: number, align?: number): GuestBlock {
    return this.ram.allocate(length, align);
  }

  readConfig(offset: number, length: number): Promise<Uint8Array> {
    return this.driver.readDeviceConfig(offset, length);
  }

  /** Hands a ring over. Devices on PCI start all rings at once: this one starts when the other is there too. */
  async startQueue(index: number, layout: RingLayout): Promise<void> {
    if (!this.#negotiated) await this.#negotiate();
    await this.driver.setupQueue(index, layout, index + 1);
    this.#enabled.set(index, layout);
    if (this.#enabled.size === this.#queueCount) await this.driver.ready();
  }

  /** Resets the device, which is the only way to stop a ring; resolves to how far the device came with it. */
  async stopQueue(index: number): Promise<number> {
    if (this.#negotiated) {
      await this.driver.reset();
      this.#negotiated = false;
    }
    const layout = this.#enabled.get(index);
    this.#enabled.delete(index);
    const used = layout && this.memory.window(layout.used, 4);
    return used === undefined ? 0 : used.view.getUint16(2, true);
  }

  notify(index: number): void {
    if (!this.#open) throw new FrontendError('the server is gone');
    this.driver.notify(index).catch(() => {
      // The connection has ended: `closed` tells.
    });
  }

  onInterrupt(index: number, listener: () => void): void {
    const interrupt = this.#interrupts[index + 1];
    if (interrupt !== undefined) interrupt.listener = listener;
  }

  onConfigChange(listener: () => void): void {
    const [interrupt] = this.#interrupts;
    if (interrupt !== undefined) interrupt.listener = listener;
  }

  shared(offset: number, length: number): Uint8Array | undefined {
    if (this.#shared === undefined || offset < 0 || offset + length > this.#shared.length) return undefined;
    return this.#shared.bytes().subarray(offset, offset + length);
  }

  /** Plugs memory in while the device runs. */
  async addMemory(address: number, length: number): Promise<void> {
    const { fd } = this.ram.add(address, length);
    await this.request('DMA_MAP', mapPayload(address, length, 0, DMA_FLAG.READ | DMA_FLAG.WRITE), [fd]);
  }

  /** Unplugs memory while the device runs. */
  async removeMemory(address: number): Promise<void> {
    const { length } = this.ram.remove(address);
    await this.request('DMA_UNMAP', unmapPayload(address, length));
  }

  /** Turns bus mastering off, as a machine's firmware or its owner does: the function has no other way to be told to wait. */
  pause(): Promise<void> {
    return this.driver.busMaster(false);
  }

  resume(): Promise<void> {
    return this.driver.busMaster(true);
  }

  /** Resets the function. */
  async reset(): Promise<void> {
    await this.request('DEVICE_RESET');
    this.#enabled.clear();
    this.#negotiated = false;
  }

  /** Any command, as it is: for tests. */
  request(name: CommandName, payload?: Uint8Array, fds?: readonly Fd[]): Promise<VfioReply> {
    return this.#channel.request(name, payload, fds);
  }

  async close(): Promise<void> {
    this.#channel[Symbol.dispose]();
    await this.closed;
    this.#release();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #begin(memoryBytes: number): Promise<void> {
    const answer = (await this.request('VERSION', versionPayload())).payload;
    if (answer.byteLength < version.size || version.fields.major.get(answer, 0) !== 0) {
      throw new FrontendError('the server speaks another version of vfio-user');
    }
    const half = Math.ceil(memoryBytes / 8192) * 4096;
    // High memory first: what is allocated lies above 4 GiB unless it runs out, so that 32-bit mistakes show.
    for (const address of [HIGH_BASE, LOW_BASE]) await this.addMemory(address, half);
    await this.request('DEVICE_GET_INFO', deviceInfoPayload());
    this.#driver = await VirtioPciDriver.probe(
      {
        readConfig: (offset, length) => this.#read(CONFIG_REGION, offset, length),
        writeConfig: (offset, bytes) => this.#write(CONFIG_REGION, offset, bytes),
        readBar: (bar, offset, length) => this.#read(bar, offset, length),
        writeBar: (bar, offset, bytes) => this.#write(bar, offset, bytes),
      },
      pause,
    );
    await this.#mapShared();
    await this.#connectInterrupts();
    await this.driver.enableMsix(true);
    await this.#negotiate();
  }

  async #negotiate(): Promise<void> {
    const accept = (n: number, want: boolean | undefined) => (want === false ? 0n : bit(n));
    const { features: wanted, deviceFeatures = 0n } = this.#o;
    const features = await this.driver.negotiate(
      accept(VIRTIO_RING_F_INDIRECT_DESC, wanted?.indirect) |
        accept(VIRTIO_RING_F_EVENT_IDX, wanted?.eventIdx) |
        (deviceFeatures & DEVICE_FEATURES),
    );
    this.#deviceFeatures = features & DEVICE_FEATURES;
    this.#features = ringFeatures(features);
    await this.driver.set('config_msix_vector', 0);
    this.#enabled.clear();
    this.#negotiated = true;
  }

  async #mapShared(): Promise<void> {
    const place = this.driver.structures.shared;
    if (place === undefined) return;
    const { payload, fds } = await this.request('DEVICE_GET_REGION_INFO', regionInfoPayload(place.bar));
    const [fd] = fds;
    try {
      const mappable = (region_info.fields.flags.get(payload, 0) & REGION_FLAG.MMAP) !== 0;
      const start = region_info.fields.offset.get(payload, 0) + place.offset;
      if (fd === undefined || !mappable || start + place.length > fileSize(fd)) {
        throw new FrontendError(`shared memory of ${place.length} bytes in region ${place.bar} cannot be mapped`);
      }
      this.#shared = MemoryMapping.map(fd, start, place.length, { writable: true });
    } finally {
      for (const each of fds) each.close();
    }
  }

  async #connectInterrupts(): Promise<void> {
    const { payload } = await this.request('DEVICE_GET_IRQ_INFO', irqInfoPayload(MSIX_IRQ));
    const count = irq_info.fields.count.get(payload, 0);
    const needed = this.#queueCount + 1;
    if (count < needed) throw new FrontendError(`the device has ${count} interrupts; ${needed} are needed`);
    const flags = IRQ_SET.DATA_EVENTFD | IRQ_SET.TRIGGER;
    for (let vector = 0; vector < needed; vector++) {
      const fd = eventfd();
      const watching = watch(fd, () => {
        drain(fd);
        this.#interrupts[vector]?.listener?.();
      });
      this.#interrupts.push({ fd, watching, listener: undefined });
      await this.request('DEVICE_SET_IRQS', setIrqsPayload(flags, MSIX_IRQ, vector, 1), [fd]);
    }
  }

  get #queueCount(): number {
    return this.#o.queues ?? 2;
  }

  async #read(region: number, offset: number, length: number): Promise<Uint8Array> {
    const { payload } = await this.request('REGION_READ', accessPayload(region, offset, length));
    if (payload.byteLength !== region_access.size + length) {
      throw new FrontendError(`the server answered ${payload.byteLength} bytes to a read of ${length}`);
    }
    return new Uint8Array(payload.buffer, region_access.size, length);
  }

  async #write(region: number, offset: number, bytes: Uint8Array): Promise<void> {
    await this.request('REGION_WRITE', accessPayload(region, offset, bytes.length, bytes));
  }

  #release(): void {
    if (!this.#open) return;
    this.#open = false;
    for (const { fd, watching } of this.#interrupts) {
      watching[Symbol.dispose]();
      fd.close();
    }
    this.#shared?.[Symbol.dispose]();
    this.ram[Symbol.dispose]();
  }
}
