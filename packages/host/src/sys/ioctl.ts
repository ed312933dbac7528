// SPDX-License-Identifier: Apache-2.0
/** Calls of device drivers, and memory whose address can be told to them. */
import koffi from 'koffi';
import type { Fd } from './fd.ts';
import { lastErrno, libc, retry } from './libc.ts';

/** Memory of this process that has an address for as long as somebody holds the object. */
export interface Pinned {
  readonly address: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** `length` zeros at an address: V8 never moves the memory of a buffer. */
export function pinned(length: number): Pinned {
  const buffer = new ArrayBuffer(length);
  return { address: Number(koffi.address(buffer)), bytes: new Uint8Array(buffer) };
}

/** ioctl(2) with the address of its argument. 0 or the errno; it may block for as long as the driver wants. */
export function ioctl(fd: Fd, request: number, argument: number): number {
  const result = retry(() => libc.ioctl(fd.number, request, argument));
  return result < 0 ? lastErrno() : 0;
}
