// SPDX-License-Identifier: Apache-2.0
import type { Duplex } from 'node:stream';
import { encodeMessages, MessageReader } from './message.ts';

/** Messages over a socket to a child. What is sent in one turn of the event loop leaves in one write. */
export class MessageLink {
  readonly #socket: Duplex;
  #queue: (readonly number[])[] = [];
  #open = true;

  /**
   * `onMessage` must not throw. `onEnd` is called once: the other side closed (no error), or said something that is no
   * message, or the socket failed.
   */
  constructor(socket: Duplex, onMessage: (message: readonly number[]) => void, onEnd: (error?: Error) => void) {
    this.#socket = socket;
    const reader = new MessageReader();
    const end = (error?: Error): void => {
      if (!this.#open) return;
      this.close();
      onEnd(error);
    };
    socket.on('data', (bytes: Uint8Array) => {
      try {
        reader.push(bytes, (message) => {
          if (this.#open) onMessage(message);
        });
      } catch (error) {
        end(error as Error);
      }
    });
    socket.on('error', end);
    socket.on('close', () => end());
    socket.on('end', () => end());
  }

  /** Sends a message; nothing happens after the end. */
  send(message: readonly number[]): void {
    if (!this.#open) return;
    if (this.#queue.length === 0) queueMicrotask(() => this.#flush());
    this.#queue.push(message);
  }

  /** Bytes that the other side has not read, beyond what the system holds. */
  get backlog(): number {
    return this.#socket.writableLength;
  }

  /** No message is sent or heard any more. `onEnd` is not called. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#queue = [];
    this.#socket.destroy();
  }

  #flush(): void {
    if (!this.#open || this.#queue.length === 0) return;
    const bytes = encodeMessages(this.#queue);
    this.#queue = [];
    this.#socket.write(bytes);
  }
}
