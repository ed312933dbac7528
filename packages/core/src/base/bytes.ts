// SPDX-License-Identifier: Apache-2.0
/** True if both hold the same bytes. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

/** Zeroes `length` bytes of a view from `at`; all of it unless told otherwise. */
export function clearBytes(view: DataView, at = 0, length: number = view.byteLength - at): void {
  new Uint8Array(view.buffer, view.byteOffset + at, length).fill(0);
}

/** 32-bit words as bytes. */
export function words(...values: number[]): Uint8Array {
  return new Uint8Array(Uint32Array.from(values).buffer);
}

/** An address for people. What a number cannot count stands for itself; infinite is what a 64-bit one above 2^53 is read as. */
export function addressText(address: number): string {
  if (address === Number.POSITIVE_INFINITY) return 'an address above 2^53';
  return Number.isSafeInteger(address) && address >= 0 ? `0x${address.toString(16)}` : String(address);
}
