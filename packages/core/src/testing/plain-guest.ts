// SPDX-License-Identifier: Apache-2.0
import { roundUp, words } from '../base/index.ts';
import type { MediaDevice } from '../device/framework/media-device.ts';
import { RegionMemory } from '../memory/region-memory.ts';
import type { GuestRange } from '../ports/buffer-memory.ts';
import type { SharedWindow } from '../ports/host-buffers.ts';
import { VirtioMediaDevice } from '../virtio-media/virtio-media-device.ts';
import { ringBytes } from '../virtqueue/ring-layout.ts';
import { DeviceQueue } from '../virtqueue/split/device-queue.ts';
import { DriverQueue } from '../virtqueue/split/driver-queue.ts';

/** where its memory begins */
export const BASE = 0x1_0000_0000;
const RING = 32;

/** What came back; status -1 if that is less than a header. */
export interface PlainReply {
  readonly written: number;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly status: number;
}

/** A driver of few lines: one command at a time, memory taken from the front of one region above 4 GiB. */
export class PlainGuest {
  readonly memory = new RegionMemory();
  readonly ram = new Uint8Array(1 << 20);
  readonly events: DataView[] = [];
  readonly interrupts = [0, 0];
  readonly device: VirtioMediaDevice;
  readonly command: DriverQueue<() => void>;
  readonly event: DriverQueue<GuestRange>;
  /** milliseconds of the device's clock, which only a test moves */
  now = 0;
  #next = 0;

  constructor(media: MediaDevice, window?: SharedWindow) {
    this.memory.addRegion({ address: BASE, bytes: this.ram });
    const features = { indirect: true, eventIdx: true };
    const rings = [0, 1].map(() => {
      const bytes = ringBytes(RING);
      const layout = {
        size: RING,
        descriptors: this.take(bytes.descriptors, 16),
        available: this.take(bytes.available, 2),
        used: this.take(bytes.used, 4),
      };
      const queue = new DeviceQueue(this.memory, features);
      queue.start(layout, 0);
      return { queue, layout };
    });
    const [command, event] = rings as [(typeof rings)[0], (typeof rings)[0]];
    this.command = new DriverQueue(this.memory, command.layout, features);
    this.event = new DriverQueue(this.memory, event.layout, features);
    this.device = new VirtioMediaDevice({
      device: media,
      memory: this.memory,
      window,
    });
    this.device.attach({
      queues: [command.queue, event.queue],
      notify: (queue) => {
        this.interrupts[queue] = (this.interrupts[queue] ?? 0) + 1;
      },
      configChanged: () => {},
      now: () => this.now,
      again: () => {
        void Promise.resolve().then(() => {
          this.device.resume();
          this.device.kick(0);
        });
      },
      onBug: (error) => {
        throw error;
      },
    });
  }

  take(length: number, align = 8): number {
    this.#next = roundUp(this.#next, align);
    const at = this.#next;
    this.#next += length;
    return BASE + at;
  }

  put(bytes: Uint8Array): GuestRange {
    const address = this.take(Math.max(bytes.length, 1));
    this.ram.set(bytes, address - BASE);
    return { address, length: bytes.length };
  }

  /** Submits without waiting; the promise settles when `reap` sees the chain again. */
  submit(readable: Uint8Array, room: number): Promise<PlainReply> {
    const from = this.put(readable);
    const to = { address: this.take(Math.max(room, 1)), length: room };
    return new Promise((resolve) => {
      let written = 0;
      const token = (): void => {
        const bytes = this.ram.slice(to.address - BASE, to.address - BASE + room);
        const view = new DataView(bytes.buffer);
        resolve({ written, bytes, view, status: written >= 8 ? view.getUint32(0, true) : -1 });
      };
      const added = this.command.add([from], room > 0 ? [to] : [], Object.assign(token, { set: (n: number) => (written = n) }));
      if (!added) throw new RangeError('the command ring is full');
      this.command.flush();
    });
  }

  reap(): void {
    for (let done = this.command.poll(); done !== undefined; done = this.command.poll()) {
      (done.token as unknown as { set(n: number): void }).set(done.written);
      done.token();
    }
    for (let done = this.event.poll(); done !== undefined; done = this.event.poll()) {
      const at = done.token.address - BASE;
      this.events.push(new DataView(this.ram.slice(at, at + done.written).buffer));
    }
  }

  async send(readable: Uint8Array, room: number): Promise<PlainReply> {
    const reply = this.submit(readable, room);
    this.device.kick(0);
    for (let i = 0; i < 10; i++) await Promise.resolve();
    this.reap();
    return reply;
  }

  post(count: number, length = 608): void {
    for (let i = 0; i < count; i++) {
      const range = { address: this.take(length), length };
      this.event.add([], [range], range);
    }
    this.event.flush();
    this.device.kick(1);
    this.reap();
  }

  async open(): Promise<number> {
    const reply = await this.send(words(1, 0), 16);
    if (reply.status !== 0) throw new TypeError(`OPEN was answered ${reply.status}`);
    return reply.view.getUint32(8, true);
  }

  ioctl(session: number, nr: number, payload: Uint8Array, answer: number): Promise<PlainReply> {
    return this.send(join(words(3, 0, session, nr), payload), 8 + answer);
  }
}

/** One after the other. */
export function join(...parts: Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((p) => [...p]));
}
