// SPDX-License-Identifier: Apache-2.0
/**
 * Memory by its bare address, for worker threads that are told where to copy. Nothing here checks anything: the caller
 * must know that the ranges are mapped (a pin of the `MemoryMapping` they lie in) and stay mapped.
 */
import { foreignView, libc } from './libc.ts';

/** Copies `length` bytes between two ranges that do not overlap. Crashes the process if either is not mapped. */
export function copyMemory(to: number, from: number, length: number): void {
  if (length > 0) libc.memcpy(to, from, length);
}

/** A view of mapped memory. It must be given to `detach` before the memory is unmapped. */
export function viewAt(address: number, length: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(foreignView(address, length));
}

/** Makes a view of `viewAt` empty, together with every other view of its buffer, so that no late access can reach the memory. */
export function detach(view: Uint8Array<ArrayBuffer>): void {
  view.buffer.transfer(0);
}
