// SPDX-License-Identifier: Apache-2.0
/** Bit `n` of a 64-bit mask, such as the features of a virtio device. */
export function bit(n: number): bigint {
  return 1n << BigInt(n);
}
