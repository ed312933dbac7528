// SPDX-License-Identifier: Apache-2.0
import type { DeviceQueue } from '@paravideo/core';

/** The virtio id of a source of random numbers: every Linux has a driver for it, of one queue, which sends empty buffers. */
export const VIRTIO_ID_RNG = 4;

/** What a read() of 64 bytes of /dev/hwrng asks for. */
const ANSWER_BYTES = 64;

/** A device at a socket that does nothing. */
export interface EmptyDevice extends AsyncDisposable {
  /** requests answered so far */
  readonly answered: number;
}

/** What the device side of a queue that does nothing is. */
export class EmptyQueue {
  readonly queue: DeviceQueue;
  answered = 0;

  constructor(queue: DeviceQueue) {
    this.queue = queue;
  }

  /** Gives every buffer that waits back at once, as full; true if the driver wants an interrupt for it. */
  answer(): boolean {
    const { queue } = this;
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
