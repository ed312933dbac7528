// SPDX-License-Identifier: Apache-2.0
/** The driver's end of the event queue: buffers are posted, and posted again as soon as their event was handled (VM-RX1). */

import type { DriverTransport, GuestBlock } from '../../virtio-device/driver-transport.ts';
import { QueueError } from '../../virtqueue/queue-error.ts';
import type { RingLayout } from '../../virtqueue/ring-layout.ts';
import { DriverQueue } from '../../virtqueue/split/driver-queue.ts';
import { VIRTIO_MEDIA_EVENTQ, virtio_media_event_dqbuf } from '../../wire/media/virtio-media.ts';
import { DriverError } from './errors.ts';

/** Bytes of an event buffer: the largest event. */
export const EVENT_BYTES = virtio_media_event_dqbuf.size;

/** An event as it came; valid only inside the call. */
export type EventHandler = (bytes: Uint8Array, view: DataView, used: number) => void;

interface EventBuffer {
  readonly block: GuestBlock;
  readonly view: DataView;
  readonly range: readonly { readonly address: number; readonly length: number }[];
  readonly again: boolean;
}

/** See the top of the file. */
export class EventChannel {
  readonly #transport: DriverTransport;
  readonly #queue: DriverQueue<EventBuffer>;
  readonly #handle: EventHandler;
  readonly #onBroken: (error: DriverError) => void;
  readonly #blocks = new Set<GuestBlock>();
  #state: 'created' | 'running' | 'ended' = 'created';

  /** `handle` is called for each event and must not throw; `onBroken` once if the device broke the ring. */
  constructor(transport: DriverTransport, layout: RingLayout, handle: EventHandler, onBroken: (error: DriverError) => void) {
    this.#transport = transport;
    this.#handle = handle;
    this.#onBroken = onBroken;
    this.#queue = new DriverQueue<EventBuffer>(transport.memory, layout, transport.features);
    transport.onInterrupt(VIRTIO_MEDIA_EVENTQ, () => this.drain(true));
  }

  /** The ring was handed to the device: from now on it is notified. */
  started(): void {
    if (this.#state === 'created') this.#state = 'running';
  }

  /** No event is handled and no buffer posted any more. */
  end(): void {
    this.#state = 'ended';
  }

  /** Gives the buffers back to the transport: only after the queue was stopped. */
  free(): void {
    for (const block of this.#blocks) block.free();
    this.#blocks.clear();
  }

  /** Posts `count` buffers of `length` bytes; `again`: each is posted again after its event. False if the ring is full. */
  post(count: number, again: boolean, length = EVENT_BYTES): boolean {
    let complete = true;
    for (let i = 0; i < count && complete; i++) {
      const block = this.#transport.allocate(length, 16);
      const view = new DataView(block.bytes.buffer, block.bytes.byteOffset, length);
      const buffer: EventBuffer = { block, view, range: [{ address: block.address, length }], again };
      this.#blocks.add(block);
      complete = this.#queue.add([], buffer.range, buffer);
      if (!complete) this.#forget(buffer);
    }
    this.#publish();
    return complete;
  }

  /** Handles every event that is there; `sleep`: and asks for an interrupt for the next. */
  drain(sleep: boolean): void {
    if (this.#state === 'ended') return;
    let handled = 0;
    try {
      do {
        for (let done = this.#queue.poll(); done !== undefined; done = this.#queue.poll()) {
          const { token, written } = done;
          handled += 1;
          this.#handle(token.block.bytes.subarray(0, written), token.view, written);
          if (!token.again) this.#forget(token);
          else this.#queue.add([], token.range, token);
        }
      } while (sleep && this.#queue.enableInterrupts());
      if (handled > 0) this.#publish();
    } catch (error) {
      if (!(error instanceof QueueError)) throw error;
      this.end();
      this.#onBroken(new DriverError(`the device broke the event queue: ${error.message}`));
    }
  }

  #forget(buffer: EventBuffer): void {
    buffer.block.free();
    this.#blocks.delete(buffer.block);
  }

  #publish(): void {
    if (this.#state === 'ended') return;
    if (this.#queue.flush() && this.#state === 'running') this.#transport.notify(VIRTIO_MEDIA_EVENTQ);
  }
}
