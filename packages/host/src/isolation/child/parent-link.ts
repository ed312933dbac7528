// SPDX-License-Identifier: Apache-2.0
import { readSync, writeSync } from 'node:fs';
import { Fd, receive } from '../../sys/index.ts';
import { LINK_FD } from './descriptors.ts';
import { encodeMessages, MessageReader } from './message.ts';

const BUFFER_BYTES = 65536;

/**
 * The child's side of the messages, without the event loop: libuv may use io_uring for its sockets, which reaches past
 * system call filters and is therefore forbidden. A child that has work looks for messages in between; one that has none
 * sleeps in read(2).
 */
export class ParentLink {
  readonly #fd = Fd.adopt(LINK_FD);
  readonly #reader = new MessageReader();
  readonly #buffer = new Uint8Array(BUFFER_BYTES);
  readonly #onMessage: (message: readonly number[]) => void;
  #queue: (readonly number[])[] = [];

  constructor(onMessage: (message: readonly number[]) => void) {
    this.#onMessage = onMessage;
  }

  /** Queues a message; `exchange` sends it. */
  send(message: readonly number[]): void {
    this.#queue.push(message);
  }

  /**
   * Sends what is queued, then hears what there is to hear; with `wait` it sleeps until there is something. Ends the
   * process if the parent has closed its side.
   */
  exchange(wait: boolean): void {
    this.#flush();
    for (let sleep = wait; ; sleep = false) {
      const bytes = sleep ? readSync(this.#fd.number, this.#buffer) : this.#peek();
      if (bytes === undefined) break;
      if (bytes === 0) process.exit(0);
      this.#reader.push(this.#buffer.subarray(0, bytes), this.#onMessage);
      if (bytes < BUFFER_BYTES) break;
    }
    this.#flush();
  }

  #peek(): number | undefined {
    const got = receive(this.#fd, this.#buffer, 0);
    return got === 'again' ? undefined : got === 'closed' ? 0 : got.bytes;
  }

  #flush(): void {
    if (this.#queue.length === 0) return;
    const bytes = encodeMessages(this.#queue);
    this.#queue = [];
    for (let at = 0; at < bytes.length; ) at += writeSync(this.#fd.number, bytes, at);
  }
}
