// SPDX-License-Identifier: Apache-2.0
/** Buffer timestamps: 16 raw bytes of `struct timeval`, because applications put arbitrary 64-bit values into them. */
import { timeval } from '../../wire/index.ts';

const MICROSECONDS = 1_000_000;

/** `struct timeval` of `microseconds`, a non-negative safe integer. */
export function timevalBytes(microseconds: number): Uint8Array {
  const out = new Uint8Array(timeval.size);
  const view = new DataView(out.buffer);
  const seconds = Math.floor(microseconds / MICROSECONDS);
  view.setUint32(0, seconds >>> 0, true);
  view.setUint32(4, Math.floor(seconds / 0x1_0000_0000), true);
  view.setUint32(8, microseconds - seconds * MICROSECONDS, true);
  return out;
}
