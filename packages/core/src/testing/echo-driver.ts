// SPDX-License-Identifier: Apache-2.0
import type { DriverTransport, GuestBlock } from '../virtio-device/driver-transport.ts';
import { type RingLayout, ringBytes } from '../virtqueue/ring-layout.ts';
import { DriverQueue } from '../virtqueue/split/driver-queue.ts';
import { ECHO_CONFIG_BYTES, ECHO_ECHOES, ECHO_MESSAGES, ECHO_NUMBERS } from './echo-device.ts';

const SIZE = 8;
const MESSAGE_BYTES = 4;

interface Ring {
  readonly layout: RingLayout;
  readonly queue: DriverQueue<(written: number) => void>;
}

/** The guest's side of an `EchoDevice`, over any transport. */
export class EchoDriver {
  /** messages that came, oldest first */
  readonly messages: number[] = [];
  /** times that the device said that its configuration has changed */
  changes = 0;
  readonly #transport: DriverTransport;
  readonly #rings: readonly Ring[];

  private constructor(transport: DriverTransport) {
    this.#transport = transport;
    this.#rings = [ECHO_MESSAGES, ECHO_ECHOES, ECHO_NUMBERS].map((index) => {
      const bytes = ringBytes(SIZE);
      const layout = {
        size: SIZE,
        descriptors: transport.allocate(bytes.descriptors).address,
        available: transport.allocate(bytes.available).address,
        used: transport.allocate(bytes.used).address,
      };
      transport.onInterrupt(index, () => this.#reap(index));
      return { layout, queue: new DriverQueue(transport.memory, layout, transport.features) };
    });
    transport.onConfigChange?.(() => {
      this.changes += 1;
    });
  }

  /** Starts the rings of a device, and posts buffers for its messages. */
  static async attach(transport: DriverTransport): Promise<EchoDriver> {
    const driver = new EchoDriver(transport);
    for (const [index, { layout }] of driver.#rings.entries()) await transport.startQueue(index, layout);
    for (let i = 0; i < SIZE; i++) driver.#post(transport.allocate(MESSAGE_BYTES));
    return driver;
  }

  /** What the device makes of some bytes. */
  async echo(bytes: Uint8Array): Promise<Uint8Array> {
    const from = this.#transport.allocate(bytes.length);
    const to = this.#transport.allocate(bytes.length);
    from.bytes.set(bytes);
    const written = await this.#send(ECHO_ECHOES, [from], [to]);
    return to.bytes.slice(0, written);
  }

  /** Gives the device a number; settles when it was answered. */
  async number(value: number): Promise<void> {
    const block = this.#transport.allocate(4);
    new DataView(block.bytes.buffer, block.bytes.byteOffset).setUint32(0, value, true);
    await this.#send(ECHO_NUMBERS, [block], []);
  }

  /** What stands in the configuration: the feature bits that were accepted, and the number. */
  async config(): Promise<{ readonly features: bigint; readonly number: number }> {
    const bytes = await this.#transport.readConfig(0, ECHO_CONFIG_BYTES);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return { features: view.getBigUint64(0, true), number: view.getUint32(8, true) };
  }

  #send(index: number, readable: readonly GuestBlock[], writable: readonly GuestBlock[]): Promise<number> {
    return new Promise((resolve, reject) => {
      const range = ({ address, bytes }: GuestBlock) => ({ address, length: bytes.length });
      const { queue } = this.#rings[index] as Ring;
      if (!queue.add(readable.map(range), writable.map(range), resolve)) reject(new RangeError('the ring is full'));
      if (queue.flush()) this.#transport.notify(index);
    });
  }

  #post(block: GuestBlock): void {
    void this.#send(ECHO_MESSAGES, [], [block]).then(() => {
      this.messages.push(new DataView(block.bytes.buffer, block.bytes.byteOffset).getUint32(0, true));
      this.#post(block);
    });
  }

  #reap(index: number): void {
    const { queue } = this.#rings[index] as Ring;
    do {
      queue.disableInterrupts();
      for (let done = queue.poll(); done !== undefined; done = queue.poll()) done.token(done.written);
    } while (queue.enableInterrupts());
  }
}
