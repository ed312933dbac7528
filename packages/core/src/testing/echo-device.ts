// SPDX-License-Identifier: Apache-2.0
/**
 * A virtio device that is shaped unlike a media device, to show what transports are generic over: three queues, of which the first is
 * not drained, a feature bit of its own, and configuration bytes that change while it runs.
 */
import { bit } from '../base/index.ts';
import { type CommandBudget, CommandLoop } from '../virtio-device/command-loop.ts';
import { EventSender } from '../virtio-device/event-sender.ts';
import type { DeviceStats, QueueRole, VirtioDevice, VirtioDeviceHost } from '../virtio-device/virtio-device.ts';
import type { Chain } from '../virtqueue/chain.ts';

/** Messages of the device, in buffers that the driver posts. */
export const ECHO_MESSAGES = 0;
/** What is read from a chain is written to it. */
export const ECHO_ECHOES = 1;
/** Four bytes: the number that stands in the configuration from then on, and in a message. */
export const ECHO_NUMBERS = 2;
/** A number that is answered when `release` is called. */
export const ECHO_LATE = 0xffff_ffff;
/** Feature bit: echoes are the other way round. */
export const ECHO_F_REVERSED = 3;
/** Bytes of the configuration: the feature bits that were accepted (8), and the number. */
export const ECHO_CONFIG_BYTES = 12;
/** A device type that no standard has given to anybody. */
export const ECHO_ID = 63;

const BUDGET: CommandBudget = { commands: 64, milliseconds: 2, waitingBytes: 65536 };

interface EchoHost {
  readonly host: VirtioDeviceHost;
  readonly messages: EventSender;
  readonly loops: ReadonlyMap<number, CommandLoop>;
}

/** See the top of the file. */
export class EchoDevice implements VirtioDevice {
  readonly id: number = ECHO_ID;
  readonly features: bigint = bit(ECHO_F_REVERSED);
  readonly queues: readonly QueueRole[] = ['posted', 'answered', 'answered'];
  readonly sharedMemory: boolean = false;
  #attached: EchoHost | undefined;
  #features = 0n;
  #number = 0;
  #late: Chain[] = [];
  #resets = 0;

  get stats(): DeviceStats {
    return { resets: this.#resets, messages: this.#attached?.messages.sent ?? 0, late: this.#late.length };
  }

  config(): Uint8Array {
    const bytes = new Uint8Array(ECHO_CONFIG_BYTES);
    const view = new DataView(bytes.buffer);
    view.setBigUint64(0, this.#features, true);
    view.setUint32(8, this.#number, true);
    return bytes;
  }

  attach(host: VirtioDeviceHost): void {
    const loop = (index: number, command: (chain: Chain) => void): CommandLoop => {
      const queue = host.queues[index];
      if (queue === undefined) throw new RangeError(`an echo device has a queue ${index}`);
      return new CommandLoop({
        queue,
        budget: BUDGET,
        now: () => host.now(),
        command,
        notify: () => host.notify(index),
        begin: () => {},
        end: () => {},
        again: () => host.again(),
        polling: host.polling,
      });
    };
    const [posted] = host.queues;
    if (posted === undefined) throw new RangeError('an echo device has three queues');
    this.#attached = {
      host,
      messages: new EventSender(posted, () => host.notify(ECHO_MESSAGES)),
      loops: new Map([
        [ECHO_ECHOES, loop(ECHO_ECHOES, (chain) => this.#echo(chain))],
        [ECHO_NUMBERS, loop(ECHO_NUMBERS, (chain) => this.#take(chain))],
      ]),
    };
  }

  negotiated(features: bigint): void {
    this.#features = features;
  }

  kick(queue: number): boolean {
    if (queue === ECHO_MESSAGES) this.#attached?.messages.deliver();
    return this.#attached?.loops.get(queue)?.run() ?? false;
  }

  resume(): void {
    for (const loop of this.#attached?.loops.values() ?? []) loop.resume();
  }

  async idle(): Promise<void> {
    await Promise.all([...(this.#attached?.loops.values() ?? [])].map((loop) => loop.idle()));
  }

  async reset(): Promise<void> {
    for (const loop of this.#attached?.loops.values() ?? []) loop.reset();
    this.#attached?.messages.clear();
    this.#number = 0;
    this.#late = [];
    this.#resets += 1;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.reset();
  }

  /** Answers what is late. */
  release(): void {
    const loop = this.#attached?.loops.get(ECHO_NUMBERS);
    const late = this.#late.splice(0);
    loop?.batch(() => {
      for (const chain of late) loop.answer(chain, 0);
    });
  }

  #echo(chain: Chain): void {
    const bytes = new Uint8Array(Math.min(chain.readableLength, 65536));
    chain.read(0, bytes);
    if ((this.#features & this.features) !== 0n) bytes.reverse();
    this.#attached?.loops.get(ECHO_ECHOES)?.answer(chain, chain.write(0, bytes.subarray(0, chain.writableLength)));
  }

  #take(chain: Chain): void {
    const bytes = new Uint8Array(4);
    chain.read(0, bytes);
    const number = new DataView(bytes.buffer).getUint32(0, true);
    if (number === ECHO_LATE) {
      this.#late.push(chain);
      return;
    }
    this.#number = number;
    this.#attached?.messages.add({ owner: 0, kind: 0, id: 0 }, bytes);
    this.#attached?.host.configChanged();
    this.#attached?.loops.get(ECHO_NUMBERS)?.answer(chain, 0);
  }
}
