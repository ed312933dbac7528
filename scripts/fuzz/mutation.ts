// SPDX-License-Identifier: Apache-2.0
/** How coded data goes wrong: on a disk, in the air, and in the hands of somebody who means it. */
import type { Random } from '@paravideo/core/testing';

/** Values that lengths, counts and sizes are set to. */
const EDGES = [0, 1, 0x7f, 0x80, 0xff] as const;

const MUTATIONS: readonly ((bytes: Buffer, random: Random) => Buffer)[] = [
  // bits that flip
  (bytes, random) => {
    for (let n = 1 + random.below(8); n > 0; n -= 1) {
      const at = random.below(bytes.length);
      bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
    }
    return bytes;
  },
  // the same near the beginning, where the headers are
  (bytes, random) => {
    for (let n = 1 + random.below(4); n > 0; n -= 1) {
      const at = random.below(Math.min(64, bytes.length));
      bytes[at] = random.once(2) ? random.pick(EDGES) : random.below(256);
    }
    return bytes;
  },
  // a run of one value
  (bytes, random) => {
    const at = random.below(bytes.length);
    return bytes.fill(random.pick(EDGES), at, Math.min(bytes.length, at + 1 + random.below(64)));
  },
  // a piece is missing, or the end
  (bytes, random) => {
    const at = random.below(bytes.length);
    const to = random.once(3) ? bytes.length : Math.min(bytes.length, at + 1 + random.below(200));
    return Buffer.concat([bytes.subarray(0, at), bytes.subarray(to)]);
  },
  // a piece comes twice, or elsewhere
  (bytes, random) => {
    const at = random.below(bytes.length);
    const piece = Buffer.from(bytes.subarray(at, at + 1 + random.below(500)));
    const to = random.below(bytes.length);
    if (random.once(2)) return Buffer.concat([bytes.subarray(0, to), piece, bytes.subarray(to)]);
    piece.copy(bytes, to);
    return bytes;
  },
  // a word of 16 or 32 bits at its limits
  (bytes, random) => {
    if (bytes.length < 4) return bytes;
    bytes.writeUInt32BE(random.pick([0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 0xffff]), random.below(bytes.length - 3));
    return bytes;
  },
];

/** A copy of `bytes` with one to three things wrong. */
export function mutated(bytes: Uint8Array, random: Random): Buffer {
  let copy: Buffer = Buffer.from(bytes);
  for (let n = 1 + random.below(3); n > 0 && copy.length > 0; n -= 1) copy = random.pick(MUTATIONS)(copy, random);
  return copy;
}

/** A stream with things wrong in some of its units, and units that are missing, come twice or in another order. */
export function mutatedUnits(units: readonly Uint8Array[], random: Random): Uint8Array[] {
  const rate = 1 + random.below(4);
  const out = units.map((unit) => (random.once(rate) ? mutated(unit, random) : unit));
  if (random.once(3) && out.length > 1) out.splice(random.below(out.length), 1);
  if (random.once(3)) out.splice(random.below(out.length), 0, random.pick(out));
  if (random.once(4)) {
    const at = random.below(out.length);
    const [unit] = out.splice(at, 1);
    if (unit !== undefined) out.splice(random.below(out.length + 1), 0, unit);
  }
  return out;
}
