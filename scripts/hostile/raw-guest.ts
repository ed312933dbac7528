// SPDX-License-Identifier: Apache-2.0
/** A guest that puts any chain into its ring, as often as it comes back: what a hostile driver does. */
import {
  DriverQueue,
  type DriverTransport,
  type GuestRange,
  type RingLayout,
  ringBytes,
  VIRTIO_MEDIA_EVT_DQBUF,
  v4l2_buffer,
  virtio_media_event_dqbuf,
} from '@paravideo/core';
import { HostileError } from './hostile-error.ts';

/** A chain that can be sent again and again. */
export interface RawDescriptors {
  readonly readable: readonly GuestRange[];
  readonly writable: readonly GuestRange[];
  /** where an indirect table may lie */
  readonly table?: GuestRange;
  /** true to send it again when it comes back */
  again: boolean;
  done?: (written: number) => void;
}

/** Features of its rings, for the connection: kicks are not saved by an event index. */
export const RAW_FEATURES = { indirect: true, eventIdx: false } as const;

const EVENT_BYTES = 608;

/** Little-endian words of 32 bits. */
export const words = (...values: readonly number[]): Uint8Array => new Uint8Array(Uint32Array.from(values).buffer);

/** A driver of few lines over any transport. */
export class RawGuest {
  readonly transport: DriverTransport;
  readonly #commands: DriverQueue<RawDescriptors>;
  readonly #events: DriverQueue<GuestRange>;
  readonly #layout: RingLayout;
  /** told of each buffer that came back */
  onBuffer: (index: number) => void = () => {};

  private constructor(
    transport: DriverTransport,
    layout: RingLayout,
    commands: DriverQueue<RawDescriptors>,
    events: DriverQueue<GuestRange>,
  ) {
    this.transport = transport;
    this.#layout = layout;
    this.#commands = commands;
    this.#events = events;
    transport.onInterrupt(0, () => this.#reap());
    transport.onInterrupt(1, () => this.#reapEvents());
  }

  /** Starts both rings; `eventBuffers` are posted. */
  static async attach(transport: DriverTransport, o: { size?: number; eventBuffers?: number } = {}): Promise<RawGuest> {
    const size = o.size ?? 256;
    const features = { indirect: transport.features.indirect, eventIdx: false };
    const rings = [0, 1].map(() => {
      const bytes = ringBytes(size);
      const layout = {
        size,
        descriptors: transport.allocate(bytes.descriptors).address,
        available: transport.allocate(bytes.available).address,
        used: transport.allocate(bytes.used).address,
      };
      return layout;
    });
    const [command, event] = rings as [(typeof rings)[0], (typeof rings)[0]];
    const commands = new DriverQueue<RawDescriptors>(transport.memory, command, features);
    const events = new DriverQueue<GuestRange>(transport.memory, event, features);
    const guest = new RawGuest(transport, command, commands, events);
    await transport.startQueue(0, command);
    await transport.startQueue(1, event);
    for (let i = 0; i < (o.eventBuffers ?? 0); i++) {
      const range = { address: transport.allocate(EVENT_BYTES).address, length: EVENT_BYTES };
      events.add([], [range], range);
    }
    if (events.flush()) transport.notify(1);
    return guest;
  }

  /** Bytes in guest memory. */
  put(bytes: Uint8Array): GuestRange {
    const block = this.transport.allocate(bytes.length);
    block.bytes.set(bytes);
    return { address: block.address, length: bytes.length };
  }

  /** Room for an answer. */
  room(length: number): GuestRange {
    return { address: this.transport.allocate(length).address, length };
  }

  /** An IOCTL command, to be sent any number of times; `more` follows the payload. */
  ioctl(session: number, nr: number, payload: Uint8Array, answer: number, ...more: readonly GuestRange[]): RawDescriptors {
    const bytes = new Uint8Array(16 + payload.length);
    bytes.set(words(3, 0, session, nr));
    bytes.set(payload, 16);
    return { readable: [this.put(bytes), ...more], writable: [this.room(8 + answer)], again: false };
  }

  /** Sends a chain once; the answer is its writable part, as far as it was written. */
  async send(chain: RawDescriptors): Promise<DataView> {
    const written = await new Promise<number>((resolve) => {
      this.flood([{ ...chain, again: false, done: resolve }]);
    });
    const [to] = chain.writable;
    const bytes = new Uint8Array(to === undefined ? 0 : Math.min(written, to.length));
    if (to !== undefined) this.transport.memory.read(to.address, bytes);
    return new DataView(bytes.buffer);
  }

  /** The same; throws if the device refused it. */
  async must(chain: RawDescriptors): Promise<DataView> {
    const answer = await this.send(chain);
    const status = answer.byteLength >= 8 ? answer.getUint32(0, true) : -1;
    if (status !== 0) throw new HostileError(`a command that the attack needs was answered ${status}`);
    return answer;
  }

  /** A new session. */
  async open(): Promise<number> {
    const answer = await this.must({ readable: [this.put(words(1, 0))], writable: [this.room(16)], again: false });
    return answer.getUint32(8, true);
  }

  /** Offers chains, with one kick. */
  flood(chains: readonly RawDescriptors[]): void {
    for (const chain of chains) {
      if (!this.#commands.add(chain.readable, chain.writable, chain, chain.table)) throw new HostileError('the ring is full');
    }
    if (this.#commands.flush()) this.transport.notify(0);
  }

  /** Offers a table, written by hand, as so many chains, again and again. */
  floodTable(table: GuestRange, chains: number): void {
    const { descriptors, available, size } = this.#layout;
    const one = new Uint8Array(16);
    const view = new DataView(one.buffer);
    view.setBigUint64(0, BigInt(table.address), true);
    view.setUint32(8, table.length, true);
    view.setUint16(12, 4, true);
    for (let i = 0; i < size; i++) this.transport.memory.write(descriptors + 16 * i, one);
    let next = 0;
    const used = new Uint8Array(2);
    const offer = (): void => {
      this.transport.memory.read(this.#layout.used + 2, used);
      const done = new DataView(used.buffer).getUint16(0, true);
      while (((next - done) & 0xffff) < chains) {
        const at = next & (size - 1);
        this.transport.memory.write(available + 4 + 2 * at, Uint8Array.of(at & 0xff, at >> 8));
        next = (next + 1) & 0xffff;
      }
      this.transport.memory.write(available + 2, Uint8Array.of(next & 0xff, next >> 8));
      this.transport.notify(0);
    };
    this.transport.onInterrupt(0, offer);
    offer();
  }

  #reap(): void {
    const again: RawDescriptors[] = [];
    for (let done = this.#commands.poll(); done !== undefined; done = this.#commands.poll()) {
      done.token.done?.(done.written);
      if (done.token.again) again.push(done.token);
    }
    if (again.length > 0) this.flood(again);
  }

  #reapEvents(): void {
    for (let done = this.#events.poll(); done !== undefined; done = this.#events.poll()) {
      const bytes = new Uint8Array(EVENT_BYTES);
      this.transport.memory.read(done.token.address, bytes);
      const view = new DataView(bytes.buffer);
      if (view.getUint32(0, true) === VIRTIO_MEDIA_EVT_DQBUF) {
        this.onBuffer(v4l2_buffer.fields.index.get(view, virtio_media_event_dqbuf.fields.buffer.offset));
      }
      this.#events.add([], [done.token], done.token);
    }
    if (this.#events.flush()) this.transport.notify(1);
  }
}
