// SPDX-License-Identifier: Apache-2.0
import { Socket } from 'node:net';
import { encodeMessages, MessageReader } from './message.ts';

/**
 * Bytes that are read at a time, into the same memory each time: a stream of Node's allocates as much for every read, however little
 * there is, and has it collected.
 */
const READ_BYTES = 65_536;

/** Messages over a socket to a child. What is sent in one turn of the event loop leaves in one write. */
export class MessageLink {
  readonly #socket: Socket;
  #queue: (readonly number[])[] = [];
  #open = true;

  /**
   * `fd` is the socket, which is this object's from now on. `onMessage` must not throw. `onEnd` is called once: the other side closed (no error), or said something that is no
   * message, or the socket failed.
   */
  constructor(fd: number, onMessage: (message: readonly number[]) => void, onEnd: (error?: Error) => void) {
    const reader = new MessageReader();
    const end = (error?: Error): void => {
      if (!this.#open) return;
      this.close();
      onEnd(error);
    };
    const callback = (count: number, buffer: Uint8Array): boolean => {
      try {
        reader.push(buffer.subarray(0, count), (message) => {
          if (this.#open) onMessage(message);
        });
      } catch (error) {
        end(error as Error);
      }
      return this.#open;
    };
    const socket = new Socket({ fd, onread: { buffer: new Uint8Array(READ_BYTES), callback } });
    this.#socket = socket;
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
