// SPDX-License-Identifier: Apache-2.0
/**
 * A vhost-user front-end: what a VMM is for a device. Guest memory is shared memory, doorbells are eventfds, region 0 is
 * really mapped. It drives any back-end: for the checker, the benchmarks and the demo, and for tests, which also reach what a
 * VMM does behind the guest's back: pause, reset, hot-plug.
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
  VIRTIO_F_VERSION_1,
  VIRTIO_RING_F_EVENT_IDX,
  VIRTIO_RING_F_INDIRECT_DESC,
} from '@paravideo/core';
import { connectUnix, drain, eventfd, type Fd, signal, socketpair, watch } from '../../sys/index.ts';
import {
  BackendRequest,
  config_header,
  FLAG_REPLY,
  memory_region,
  memory_table,
  number64,
  ProtocolFeature,
  type RequestName,
  SHMEM_MAP_RW,
  shmem_config,
  shmem_map,
  VHOST_USER_F_PROTOCOL_FEATURES,
  VhostConnection,
  type VhostMessage,
  vring_addr,
  vring_state,
} from '../../transport/vhost-user/index.ts';
import { FrontendError } from '../frontend-error.ts';
import { GuestRam } from '../guest-ram.ts';
import { setRegion, singleRegion, state, value } from './payloads.ts';
import { RequestChannel } from './request-channel.ts';
import { SharedRegion } from './shared-region.ts';

/** What the front-end is asked for before it maps or unmaps a piece of region 0. */
export interface SharedRequest {
  readonly kind: 'map' | 'unmap';
  readonly offset: number;
  readonly length: number;
  readonly writable: boolean;
}

/** Options of a front-end. */
export interface FrontendOptions {
  /** guest memory, half above and half below 4 GiB; default 64 MiB */
  readonly memoryBytes?: number;
  /** guest memory region by region instead: guest-physical addresses and lengths, multiples of a page */
  readonly regions?: readonly { readonly address: number; readonly length: number }[];
  /** ring features to accept; default: all that are offered */
  readonly features?: Partial<RingFeatures>;
  /** feature bits of the device type to accept, where they are offered; default: none */
  readonly deviceFeatures?: bigint;
  /** queues to set up; default 2 */
  readonly queues?: number;
  /** protocol features to decline */
  readonly without?: readonly (keyof typeof ProtocolFeature)[];
  /** SHMEM is bit 21, as in old back-ends */
  readonly oldShmemBit?: boolean;
  /** Adds what is mapped in region 0 to the back-end's memory table, as QEMU does. */
  readonly announceMappings?: boolean;
  /** Grants or refuses a piece of region 0 before the usual checks: for tests. */
  readonly onShared?: (request: SharedRequest) => boolean | Promise<boolean>;
  /** milliseconds that the back-end has for its first answer; default 30 s */
  readonly firstWithin?: number;
}

const HIGH_BASE = 0x1_0000_0000;
const LOW_BASE = 0x10_0000;
/** where region 0 lies in the guest, for front-ends that announce its pieces */
const SHARED_BASE = 0x80_0000_0000;

interface Queue {
  readonly kick: Fd;
  readonly call: Fd;
  readonly err: Fd;
  readonly watching: Disposable;
  layout: RingLayout | undefined;
  base: number;
  listener: (() => void) | undefined;
}

/** Connects to a back-end and agrees with it on features; throws `SysError` if nobody listens and `FrontendError` if it is no such device. */
export async function connectFrontend(path: string, o: FrontendOptions = {}): Promise<Frontend> {
  return Frontend.over(connectUnix(path), o);
}

/** The front-end of one device. */
export class Frontend implements DriverTransport, AsyncDisposable {
  readonly closed: Promise<string>;
  readonly ram: GuestRam;
  readonly #o: FrontendOptions;
  readonly #channel: RequestChannel;
  readonly #queues: Queue[] = [];
  #features: RingFeatures = NO_RING_FEATURES;
  #deviceFeatures = 0n;
  #configListener: (() => void) | undefined;
  #protocol = 0n;
  #region = new SharedRegion(0);
  #backend: VhostConnection | undefined;
  #open = true;

  private constructor(channel: RequestChannel, ram: GuestRam, o: FrontendOptions) {
    this.#channel = channel;
    this.ram = ram;
    this.#o = o;
    this.closed = channel.closed;
    void channel.closed.then(() => this.#release());
  }

  /** The same as `connectFrontend` over a socket that is there already; takes it over. */
  static async over(fd: Fd, o: FrontendOptions = {}): Promise<Frontend> {
    const ram = new GuestRam();
    const frontend = new Frontend(new RequestChannel(fd, o.firstWithin), ram, o);
    try {
      const half = Math.ceil((o.memoryBytes ?? 64 << 20) / 8192) * 4096;
      // High memory first: what is allocated lies above 4 GiB unless it runs out, so that 32-bit mistakes show.
      const regions = o.regions ?? [HIGH_BASE, LOW_BASE].map((address) => ({ address, length: half }));
      for (const { address, length } of regions) ram.add(address, length);
      await frontend.#negotiate();
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
    return this.#region.length;
  }

  /** Number of pieces that are mapped in region 0. */
  get sharedPieces(): number {
    return this.#region.pieces;
  }

  /** True if both sides agreed on a protocol feature. */
  has(feature: keyof typeof ProtocolFeature): boolean {
    const number = feature === 'SHMEM' && this.#o.oldShmemBit === true ? ProtocolFeature.SHMEM_OLD : ProtocolFeature[feature];
    return (this.#protocol & bit(number)) !== 0n;
  }

  allocate(length: number, align?: number): GuestBlock {
    return this.ram.allocate(length, align);
  }

  /** GET_CONFIG; empty if the back-end says that the range is not there. */
  async readConfig(offset: number, length: number): Promise<Uint8Array> {
    const payload = new Uint8Array(config_header.size + length);
    const view = new DataView(payload.buffer);
    config_header.fields.offset.set(view, 0, offset);
    config_header.fields.size.set(view, 0, length);
    const answer = await this.#channel.request('GET_CONFIG', payload);
    return new Uint8Array(answer.buffer, Math.min(config_header.size, answer.byteLength));
  }

  /** Hands a fresh ring over, from index 0, and enables it. */
  async startQueue(index: number, layout: RingLayout): Promise<void> {
    const queue = this.#queue(index);
    queue.layout = layout;
    queue.base = 0;
    await this.#start(index, queue, layout);
  }

  /** Disables a ring and stops it. */
  async stopQueue(index: number): Promise<number> {
    const queue = this.#queue(index);
    await this.#channel.request('SET_VRING_ENABLE', state(index, 0));
    const answer = await this.#channel.request('GET_VRING_BASE', state(index, 0));
    queue.base = vring_state.fields.num.get(answer, 0);
    return queue.base;
  }

  /** Goes on with a ring that was stopped, where it stopped: what follows a pause of the machine. */
  async resumeQueue(index: number): Promise<void> {
    const queue = this.#queue(index);
    if (queue.layout === undefined) throw new FrontendError(`queue ${index} was never started`);
    await this.#start(index, queue, queue.layout);
  }

  async pause(): Promise<void> {
    for (const [index, { layout }] of this.#queues.entries()) if (layout !== undefined) await this.stopQueue(index);
  }

  async resume(): Promise<void> {
    for (const [index, { layout }] of this.#queues.entries()) if (layout !== undefined) await this.resumeQueue(index);
  }

  /** RESET_DEVICE, where agreed on; the pieces of region 0 are dropped. Rings must be started anew. */
  async reset(): Promise<void> {
    this.#region[Symbol.dispose]();
    if (this.has('RESET_DEVICE')) await this.#channel.request('RESET_DEVICE');
  }

  notify(index: number): void {
    signal(this.#queue(index).kick);
  }

  onInterrupt(index: number, listener: () => void): void {
    this.#queue(index).listener = listener;
  }

  onConfigChange(listener: () => void): void {
    this.#configListener = listener;
  }

  /** True if the back-end told since the last call that a ring is broken. */
  ringError(index: number): boolean {
    return drain(this.#queue(index).err);
  }

  shared(offset: number, length: number): Uint8Array | undefined {
    return this.#region.view(offset, length);
  }

  sharedAccess(offset: number): 'read' | 'read-write' | undefined {
    return this.#region.access(offset);
  }

  /** Plugs memory in while the device runs. */
  async addMemory(address: number, length: number): Promise<void> {
    const region = this.ram.add(address, length);
    if (this.has('CONFIGURE_MEM_SLOTS')) await this.#channel.request('ADD_MEM_REG', singleRegion(region), [region.fd]);
    else await this.#sendTable();
  }

  /** Unplugs memory while the device runs. */
  async removeMemory(address: number): Promise<void> {
    const region = this.ram.remove(address);
    if (this.has('CONFIGURE_MEM_SLOTS')) await this.#channel.request('REM_MEM_REG', singleRegion(region));
    else await this.#sendTable();
  }

  /** Any request, as it is: for tests. */
  request(name: RequestName, payload?: Uint8Array, fds?: readonly Fd[]): Promise<DataView> {
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

  async #negotiate(): Promise<void> {
    const channel = this.#channel;
    const offered = value(await channel.request('GET_FEATURES'));
    if ((offered & bit(VIRTIO_F_VERSION_1)) === 0n)
      throw new FrontendError('the back-end does not offer VERSION_1: it is no virtio 1 device');
    if ((offered & bit(VHOST_USER_F_PROTOCOL_FEATURES)) !== 0n) await this.#negotiateProtocol();
    await channel.request('SET_OWNER');
    const wanted = this.#o.features ?? {};
    const accept = (n: number, want: boolean | undefined) => (want === false ? 0n : offered & bit(n));
    this.#deviceFeatures = offered & (this.#o.deviceFeatures ?? 0n) & DEVICE_FEATURES;
    const features =
      bit(VIRTIO_F_VERSION_1) |
      this.#deviceFeatures |
      (offered & bit(VHOST_USER_F_PROTOCOL_FEATURES)) |
      accept(VIRTIO_RING_F_INDIRECT_DESC, wanted.indirect) |
      accept(VIRTIO_RING_F_EVENT_IDX, wanted.eventIdx);
    await channel.request('SET_FEATURES', number64(features));
    this.#features = ringFeatures(features);
    for (let index = 0; index < this.#queueCount; index++) await this.#makeQueue(index);
    if (this.has('SHMEM')) {
      const config = await channel.request('GET_SHMEM_CONFIG');
      this.#region = new SharedRegion(Number(config.getBigUint64(shmem_config.size, true)));
    }
    if (!this.has('CONFIGURE_MEM_SLOTS')) return this.#sendTable();
    for (const region of byAddress(this.ram.regions)) await channel.request('ADD_MEM_REG', singleRegion(region), [region.fd]);
  }

  async #negotiateProtocol(): Promise<void> {
    const channel = this.#channel;
    const { MQ, REPLY_ACK, BACKEND_REQ, CONFIG, BACKEND_SEND_FD, RESET_DEVICE, CONFIGURE_MEM_SLOTS, SHMEM, SHMEM_OLD } =
      ProtocolFeature;
    const known: number[] = [MQ, REPLY_ACK, BACKEND_REQ, CONFIG, BACKEND_SEND_FD, RESET_DEVICE, CONFIGURE_MEM_SLOTS];
    known.push(this.#o.oldShmemBit === true ? SHMEM_OLD : SHMEM);
    const declined: number[] = (this.#o.without ?? []).map((name) => ProtocolFeature[name]);
    const wanted = known.filter((n) => !declined.includes(n)).reduce((sum, n) => sum | bit(n), 0n);
    this.#protocol = value(await channel.request('GET_PROTOCOL_FEATURES')) & wanted;
    await channel.request('SET_PROTOCOL_FEATURES', number64(this.#protocol));
    channel.acknowledges = this.has('REPLY_ACK');
    if (this.has('MQ')) {
      const queues = Number(value(await channel.request('GET_QUEUE_NUM')));
      if (queues < this.#queueCount) throw new FrontendError(`the back-end has ${queues} queues; ${this.#queueCount} are needed`);
    }
    if (this.has('BACKEND_REQ')) await this.#openBackendChannel();
  }

  async #openBackendChannel(): Promise<void> {
    const [ours, theirs] = socketpair();
    using _theirs = theirs;
    this.#backend = new VhostConnection(ours, {
      message: (message) => this.#serve(message),
      closed: () => {
        this.#backend = undefined;
      },
    });
    await this.#channel.request('SET_BACKEND_REQ_FD', undefined, [theirs]);
  }

  /** A request of the back-end. Answered with 1 if refused or unknown, as QEMU does. */
  async #serve(message: VhostMessage): Promise<void> {
    const granted = await this.#grant(message);
    this.#backend?.send(message.request, FLAG_REPLY, number64(granted ? 0n : 1n));
  }

  async #grant(message: VhostMessage): Promise<boolean> {
    const { request, payload, fds } = message;
    if (request === BackendRequest.CONFIG_CHANGE_MSG) {
      this.#configListener?.();
      return true;
    }
    if ((request !== BackendRequest.SHMEM_MAP && request !== BackendRequest.SHMEM_UNMAP) || payload.byteLength !== shmem_map.size)
      return false;
    const f = shmem_map.fields;
    const offset = f.shm_offset.get(payload, 0);
    const length = f.length.get(payload, 0);
    const writable = (f.flags.get(payload, 0) & SHMEM_MAP_RW) !== 0n;
    if (f.shmid.get(payload, 0) !== 0) return false;
    const kind = request === BackendRequest.SHMEM_MAP ? 'map' : 'unmap';
    if (this.#o.onShared !== undefined && !(await this.#o.onShared({ kind, offset, length, writable }))) return false;
    if (!this.#open) return false;
    if (kind === 'unmap') {
      if (!this.#region.unmap(offset, length)) return false;
      if (this.#o.announceMappings === true) this.#announce('REM_MEM_REG', offset, length, 0, undefined);
      return true;
    }
    const [fd] = fds;
    const fdOffset = f.fd_offset.get(payload, 0);
    if (fd === undefined || !this.#region.map(fd, fdOffset, offset, length, writable)) return false;
    if (this.#o.announceMappings === true) this.#announce('ADD_MEM_REG', offset, length, fdOffset, fd);
    return true;
  }

  /** What QEMU does for each mapping: it becomes guest memory. Nobody waits for the answer. */
  #announce(name: 'ADD_MEM_REG' | 'REM_MEM_REG', offset: number, length: number, mmapOffset: number, fd: Fd | undefined): void {
    const address = SHARED_BASE + offset;
    const payload = singleRegion({ address, length, userAddress: address }, mmapOffset);
    this.#channel.request(name, payload, fd === undefined ? [] : [fd]).catch(() => {
      // The back-end may refuse or be gone; the guest does not depend on it.
    });
  }

  async #makeQueue(index: number): Promise<void> {
    const kick = eventfd();
    const call = eventfd();
    const err = eventfd();
    const watching = watch(call, () => {
      drain(call);
      this.#queues[index]?.listener?.();
    });
    this.#queues.push({ kick, call, err, watching, layout: undefined, base: 0, listener: undefined });
    await this.#channel.request('SET_VRING_CALL', number64(BigInt(index)), [call]);
    await this.#channel.request('SET_VRING_ERR', number64(BigInt(index)), [err]);
  }

  async #start(index: number, queue: Queue, layout: RingLayout): Promise<void> {
    const channel = this.#channel;
    const user = (address: number): number => {
      const found = this.ram.userAddress(address);
      if (found === undefined) throw new FrontendError(`ring ${index}: no guest memory at ${address}`);
      return found;
    };
    const addresses = new Uint8Array(vring_addr.size);
    const view = new DataView(addresses.buffer);
    vring_addr.fields.index.set(view, 0, index);
    vring_addr.fields.descriptors.set(view, 0, user(layout.descriptors));
    vring_addr.fields.available.set(view, 0, user(layout.available));
    vring_addr.fields.used.set(view, 0, user(layout.used));
    await channel.request('SET_VRING_NUM', state(index, layout.size));
    await channel.request('SET_VRING_BASE', state(index, queue.base));
    await channel.request('SET_VRING_ADDR', addresses);
    await channel.request('SET_VRING_KICK', number64(BigInt(index)), [queue.kick]);
    await channel.request('SET_VRING_CALL', number64(BigInt(index)), [queue.call]);
    await channel.request('SET_VRING_ENABLE', state(index, 1));
  }

  async #sendTable(): Promise<void> {
    const regions = byAddress(this.ram.regions);
    const payload = new Uint8Array(memory_table.size + regions.length * memory_region.size);
    const view = new DataView(payload.buffer);
    memory_table.fields.regions.set(view, 0, regions.length);
    for (const [i, region] of regions.entries()) setRegion(view, memory_table.size + i * memory_region.size, region, 0);
    const fds = regions.map((region) => region.fd);
    await this.#channel.request('SET_MEM_TABLE', payload, fds);
  }

  #queue(index: number): Queue {
    const queue = this.#queues[index];
    if (queue === undefined || !this.#open)
      throw new FrontendError(this.#open ? `there is no queue ${index}` : 'the back-end is gone');
    return queue;
  }

  get #queueCount(): number {
    return this.#o.queues ?? 2;
  }

  #release(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#backend?.close();
    this.#region[Symbol.dispose]();
    for (const { kick, call, err, watching } of this.#queues) {
      watching[Symbol.dispose]();
      for (const fd of [kick, call, err]) fd.close();
    }
    this.ram[Symbol.dispose]();
  }
}

/** Regions as back-ends want them that search in the table as it comes. */
function byAddress<R extends { readonly address: number }>(regions: readonly R[]): R[] {
  return regions.toSorted((a, b) => a.address - b.address);
}
