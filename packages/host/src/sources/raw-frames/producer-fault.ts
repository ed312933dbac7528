// SPDX-License-Identifier: Apache-2.0

/** What a producer sends is not what it has to be; the message says what came, and what to do. It ends the producer, and nothing else. */
export class ProducerFault extends Error {
  override readonly name = 'ProducerFault';
}

/** Bytes of a producer as a line of the log can show them. */
export function printable(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    .toString('latin1')
    .replace(/[^\x20-\x7e]/g, '.');
}
