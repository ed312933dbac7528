// SPDX-License-Identifier: Apache-2.0
import { libc, pinnedAddress } from './libc.ts';

const MAX_BYTES = 64;
let value: { readonly address: number; readonly bytes: Uint8Array } | undefined;

/** An extended attribute of a file or folder, of at most 64 bytes; undefined if it has none, or it may not be read. */
export function extendedAttribute(path: string, name: string): string | undefined {
  value ??= pinned();
  const length = libc.getxattr(path, name, value.address, MAX_BYTES);
  return length < 0 ? undefined : Buffer.from(value.bytes.subarray(0, length)).toString('latin1');
}

function pinned(): { address: number; bytes: Uint8Array } {
  const bytes = new Uint8Array(MAX_BYTES);
  return { address: pinnedAddress(bytes.buffer), bytes };
}
