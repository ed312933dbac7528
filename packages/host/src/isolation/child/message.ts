// SPDX-License-Identifier: Apache-2.0
/**
 * Messages between the daemon and its child processes: a length in bytes (u32, little endian), then that many bytes of
 * float64 numbers, each of them a safe integer. The first says what kind of message it is. Nothing else can be sent: no
 * text, no objects, no descriptors, so that reading one cannot go wrong in many ways.
 */
import { ChildProtocolError } from './child-protocol-error.ts';

/** Most numbers in one message. */
export const MAX_MESSAGE_NUMBERS = 64;

const HEADER = 4;

/** Puts messages one after the other into the bytes that go over the pipe. Throws ChildProtocolError for what may not be sent. */
export function encodeMessages(messages: readonly (readonly number[])[]): Uint8Array {
  const total = messages.reduce((sum, message) => sum + HEADER + 8 * message.length, 0);
  const view = new DataView(new ArrayBuffer(total));
  let at = 0;
  for (const message of messages) {
    if (message.length === 0 || message.length > MAX_MESSAGE_NUMBERS || !message.every(Number.isSafeInteger)) {
      throw new ChildProtocolError(`message [${message.join(', ')}] must be 1 to ${MAX_MESSAGE_NUMBERS} safe integers`);
    }
    view.setUint32(at, 8 * message.length, true);
    at += HEADER;
    for (const value of message) {
      view.setFloat64(at, value, true);
      at += 8;
    }
  }
  return new Uint8Array(view.buffer);
}

/** Takes a byte stream apart again, whatever pieces it comes in. Holds at most one message. */
export class MessageReader {
  readonly #pending = new Uint8Array(HEADER + 8 * MAX_MESSAGE_NUMBERS);
  readonly #view = new DataView(this.#pending.buffer);
  #filled = 0;

  /** Calls `each` for every message that is whole. Throws ChildProtocolError at the first that is none; the stream is lost then. */
  push(bytes: Uint8Array, each: (message: readonly number[]) => void): void {
    let at = 0;
    while (at < bytes.length) {
      const wanted = this.#filled < HEADER ? HEADER : HEADER + this.#length();
      const piece = bytes.subarray(at, at + wanted - this.#filled);
      this.#pending.set(piece, this.#filled);
      this.#filled += piece.length;
      at += piece.length;
      if (this.#filled < HEADER || this.#filled < HEADER + this.#length()) continue;
      const count = this.#length() / 8;
      this.#filled = 0;
      const message: number[] = [];
      for (let i = 0; i < count; i += 1) {
        const value = this.#view.getFloat64(HEADER + 8 * i, true);
        if (!Number.isSafeInteger(value))
          throw new ChildProtocolError(`number ${i} of a message is ${value}, not a safe integer`);
        message.push(value);
      }
      each(message);
    }
  }

  #length(): number {
    const length = this.#view.getUint32(0, true);
    if (length === 0 || length % 8 !== 0 || length > 8 * MAX_MESSAGE_NUMBERS) {
      throw new ChildProtocolError(`a message of ${length} bytes: 8 to ${8 * MAX_MESSAGE_NUMBERS} in steps of 8 are allowed`);
    }
    return length;
  }
}
