// SPDX-License-Identifier: Apache-2.0
/** Index of the first of a list sorted by address that begins at `address` or above it; the list's length if none does. */
export function firstFrom(sorted: readonly { readonly address: number }[], address: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] as { address: number }).address < address) low = middle + 1;
    else high = middle;
  }
  return low;
}
