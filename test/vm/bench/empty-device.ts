// SPDX-License-Identifier: Apache-2.0
import type { DeviceStats, QueueRole, VirtioDevice, VirtioDeviceHost, VirtQueue } from '@paravideo/core';
import type { Log } from '../../../packages/host/src/log/index.ts';
import { VfioUserServer } from '../../../packages/host/src/transport/vfio-user/index.ts';
import { VhostUserServer } from '../../../packages/host/src/transport/vhost-user/index.ts';

/** The virtio id of a source of random numbers: every Linux has a driver for it, of one queue, which sends empty buffers. */
export const VIRTIO_ID_RNG = 4;

/** What a read() of 64 bytes of /dev/hwrng asks for. */
const ANSWER_BYTES = 64;

/** A device that does nothing, over the daemon's own transports: what is left of a round trip without virtio-media. */
class EmptyDevice implements VirtioDevice {
  readonly id: number = VIRTIO_ID_RNG;
  readonly features: bigint = 0n;
  readonly queues: readonly QueueRole[] = ['answered'];
  readonly sharedMemory: boolean = false;
  answered = 0;
  #host: VirtioDeviceHost | undefined;

  get stats(): DeviceStats {
    return { answered: this.answered };
  }

  config(): Uint8Array {
    return new Uint8Array(0);
  }

  attach(host: VirtioDeviceHost): void {
    this.#host = host;
  }

  negotiated(): void {}

  /** Gives every buffer that waits back at once, as full. */
  kick(): boolean {
    const queue = this.#host?.queues[0];
    if (queue !== undefined && this.#answer(queue)) this.#host?.notify(0);
    return false;
  }

  resume(): void {}

  async idle(): Promise<void> {}

  async reset(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {}

  #answer(queue: VirtQueue): boolean {
    queue.disableNotifications();
    do {
      for (let chain = queue.pop(); chain !== undefined; chain = queue.pop()) {
        queue.push(chain, ANSWER_BYTES);
        this.answered++;
      }
    } while (queue.enableNotifications());
    return queue.flush();
  }
}

/** A device at a socket that does nothing. */
export interface EmptySocket extends AsyncDisposable {
  /** requests answered so far */
  readonly answered: number;
}

/** Serves one at a socket. */
export function serveEmpty(transport: 'vhost-user' | 'vfio-user', path: string, log: Log): EmptySocket {
  let current: EmptyDevice | undefined;
  const o = {
    path,
    log,
    arenaBytes: 65536,
    device: () => {
      current = new EmptyDevice();
      return current;
    },
  };
  const server = transport === 'vfio-user' ? VfioUserServer.listen(o) : VhostUserServer.listen(o);
  return {
    get answered() {
      return current?.answered ?? 0;
    },
    [Symbol.asyncDispose]: () => server.close(),
  };
}
