// SPDX-License-Identifier: Apache-2.0

import type { DeviceStats, QueueRole, VirtioDevice, VirtioDeviceHost } from '../virtio-device/virtio-device.ts';
import type { Chain } from '../virtqueue/chain.ts';
import type { VirtQueue } from '../virtqueue/virt-queue.ts';
import { VIRTIO_ID_MEDIA } from '../wire/media/virtio-media.ts';

/**
 * What a scripted device does with a command: the bytes to answer (empty for a used length of 0), or undefined to keep
 * the chain until `answerHeld`.
 */
export type CommandScript = (command: Uint8Array, room: number) => Uint8Array | undefined;

/** A device of a few lines: for tests of the driver, and for devices that are wrong on purpose. */
export class ScriptedDevice implements VirtioDevice {
  readonly id: number = VIRTIO_ID_MEDIA;
  readonly features: bigint = 0n;
  readonly queues: readonly QueueRole[] = ['answered', 'posted'];
  readonly sharedMemory: boolean = true;
  readonly stats: DeviceStats = {};
  /** commands as they came, oldest first */
  readonly commands: Uint8Array[] = [];
  #host: VirtioDeviceHost | undefined;
  readonly #script: CommandScript;
  readonly #config: Uint8Array;
  readonly #held: Chain[] = [];
  readonly #events: Uint8Array[] = [];

  constructor(script: CommandScript, config: Uint8Array = new Uint8Array(40)) {
    this.#script = script;
    this.#config = config;
  }

  config(): Uint8Array {
    return this.#config;
  }

  attach(host: VirtioDeviceHost): void {
    this.#host = host;
  }

  negotiated(): void {}

  kick(queue: number): boolean {
    if (queue === 1) {
      this.#sendEvents();
      return false;
    }
    const ring = this.#queue(0);
    do {
      for (let chain = ring.pop(); chain !== undefined; chain = ring.pop()) this.#command(chain);
    } while (ring.running && ring.error === undefined && ring.enableNotifications());
    this.#flush(0);
    return false;
  }

  /** Answers the oldest held command. False if there is none. */
  answerHeld(bytes: Uint8Array): boolean {
    const chain = this.#held.shift();
    if (chain === undefined) return false;
    this.#push(chain, bytes);
    this.#flush(0);
    return true;
  }

  /** Sends an event as soon as there is a buffer for it. */
  event(bytes: Uint8Array): void {
    this.#events.push(bytes.slice());
    this.#sendEvents();
  }

  resume(): void {}

  async idle(): Promise<void> {}

  async reset(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {}

  #queue(index: 0 | 1): VirtQueue {
    const queue = this.#host?.queues[index];
    if (queue === undefined) throw new TypeError('the device was not attached');
    return queue;
  }

  #command(chain: Chain): void {
    const command = new Uint8Array(chain.readableLength);
    chain.read(0, command);
    this.commands.push(command);
    const answer = this.#script(command, chain.writableLength);
    if (answer === undefined) this.#held.push(chain);
    else this.#push(chain, answer);
  }

  #push(chain: Chain, bytes: Uint8Array): void {
    this.#queue(0).push(chain, chain.write(0, bytes));
  }

  #sendEvents(): void {
    const ring = this.#queue(1);
    if (!ring.running) return;
    while (this.#events.length > 0) {
      const chain = ring.pop();
      if (chain === undefined) {
        if (ring.error === undefined && ring.enableNotifications()) continue;
        break;
      }
      ring.push(chain, chain.write(0, this.#events.shift() as Uint8Array));
    }
    this.#flush(1);
  }

  #flush(queue: 0 | 1): void {
    const ring = this.#queue(queue);
    if (ring.running && ring.flush()) this.#host?.notify(queue);
  }
}
