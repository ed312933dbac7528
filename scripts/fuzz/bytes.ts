// SPDX-License-Identifier: Apache-2.0
import { type GuestRange, VIRTIO_MEDIA_CMD_IOCTL } from '@paravideo/core';
import type { Random } from '@paravideo/core/testing';
import type { IoctlPayloadBytes } from './payload.ts';

/** A command of these 32-bit words, with `room` for its answer; now and then cut short, or with other room. */
export function command(random: Random, words: readonly number[], room: number): { bytes: Uint8Array; room: number } {
  const bytes = new Uint8Array(4 * words.length);
  const view = new DataView(bytes.buffer);
  words.forEach((word, i) => {
    view.setUint32(4 * i, word, true);
  });
  if (random.once(60)) return { bytes: bytes.subarray(0, random.below(bytes.length + 1)), room: random.below(40) };
  return { bytes, room: random.once(30) ? random.below(64) : room };
}

/** An IOCTL command of a session. */
export function ioctlCommand(random: Random, session: number, ioctl: IoctlPayloadBytes): { bytes: Uint8Array; room: number } {
  const header = command(random, [VIRTIO_MEDIA_CMD_IOCTL, random.below(2), session, ioctl.nr], 0).bytes;
  const bytes = new Uint8Array(header.length + ioctl.bytes.length);
  bytes.set(header);
  bytes.set(ioctl.bytes, header.length);
  return { bytes, room: 8 + ioctl.room };
}

/** The same memory in up to five pieces. */
export function split(random: Random, address: number, length: number): GuestRange[] {
  const ranges: GuestRange[] = [];
  for (let at = 0; at < length && ranges.length < 5; ) {
    const part = ranges.length === 4 || !random.once(3) ? length - at : random.below(length - at + 1);
    ranges.push({ address: address + at, length: part });
    at += part;
  }
  return ranges;
}

/** The little-endian word at `at`; 0 beyond the end. */
export function readU32(bytes: Uint8Array, at: number): number {
  return at + 4 <= bytes.length ? new DataView(bytes.buffer, bytes.byteOffset).getUint32(at, true) : 0;
}

/** The lower six bytes of an address, as a guest would find them. */
export function addressBytes(address: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(address), true);
  return bytes.subarray(0, 6);
}

/** True if `wanted` occurs anywhere in `bytes`. */
export function includes(bytes: Uint8Array, wanted: Uint8Array): boolean {
  const first = wanted[0] as number;
  for (let at = bytes.indexOf(first); at >= 0 && at + wanted.length <= bytes.length; at = bytes.indexOf(first, at + 1)) {
    if (wanted.every((byte, i) => bytes[at + i] === byte)) return true;
  }
  return false;
}

/** An error with its stack. */
export function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/** The first bytes, for people. */
export function hex(bytes: Uint8Array): string {
  return Array.from(bytes.subarray(0, 96), (byte) => byte.toString(16).padStart(2, '0')).join(' ');
}
