// SPDX-License-Identifier: Apache-2.0
import { type DriverSession, type MediaDriver, VIRTIO_MEDIA_EVT_DQBUF, virtio_media_event_dqbuf } from '@paravideo/core';
import { FuzzError } from './fuzz-error.ts';

/** Watches that each buffer that a session queues comes back once, and none that it did not. */
export class Loans implements Disposable {
  readonly #lent = new Set<string>();
  readonly #tap: Disposable;
  #fault: string | undefined;

  /** Before the session queues anything. */
  constructor(driver: MediaDriver, session: DriverSession) {
    const queue = session.qbuf.bind(session);
    const stop = session.streamoff.bind(session);
    session.qbuf = async (buffer) => {
      const key = `${buffer.type}:${buffer.index}`;
      if (this.#lent.has(key)) this.#fault ??= `buffer ${key} was queued twice: the client is wrong`;
      this.#lent.add(key);
      try {
        return await queue(buffer);
      } catch (error) {
        this.#lent.delete(key);
        throw error;
      }
    };
    session.streamoff = async (type) => {
      await stop(type);
      for (const key of [...this.#lent]) if (key.startsWith(`${type}:`)) this.#lent.delete(key);
    };
    const event = virtio_media_event_dqbuf.fields;
    this.#tap = driver.onEvent((bytes) => {
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      if (event.hdr.fields.event.get(view, 0) !== VIRTIO_MEDIA_EVT_DQBUF) return;
      if (event.hdr.fields.session_id.get(view, 0) !== session.id) return;
      const key = `${event.buffer.fields.type.get(view, 0)}:${event.buffer.fields.index.get(view, 0)}`;
      if (!this.#lent.delete(key)) this.#fault ??= `buffer ${key} came back without having been queued`;
    });
  }

  /** Buffers of a queue that have not come back. */
  out(type: number): number {
    return [...this.#lent].filter((key) => key.startsWith(`${type}:`)).length;
  }

  /** Throws `FuzzError` for what was wrong. */
  check(): void {
    if (this.#fault !== undefined) throw new FuzzError(this.#fault);
  }

  [Symbol.dispose](): void {
    this.#tap[Symbol.dispose]();
  }
}
