// SPDX-License-Identifier: Apache-2.0

/** Reads the bits of an H.264 unit, most significant first; behind the end there are zeros. */
export class BitReader {
  readonly #bytes: Buffer;
  #at = 0;

  /** `bytes` without emulation prevention: see `unescaped`. */
  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** True once more was read than there is. */
  get exhausted(): boolean {
    return this.#at > this.#bytes.length * 8;
  }

  /** `count` bits, at most 32. */
  bits(count: number): number {
    let value = 0;
    for (let i = 0; i < count; i += 1) {
      value = value * 2 + (((this.#bytes[this.#at >> 3] ?? 0) >> (7 - (this.#at & 7))) & 1);
      this.#at += 1;
    }
    return value;
  }

  /** One bit. */
  flag(): boolean {
    return this.bits(1) === 1;
  }

  /** An unsigned Exp-Golomb code (ITU-T H.264 9.1). */
  ue(): number {
    let zeros = 0;
    while (zeros < 32 && !this.exhausted && this.bits(1) === 0) zeros += 1;
    return zeros >= 32 ? 0 : 2 ** zeros - 1 + this.bits(zeros);
  }

  /** A signed Exp-Golomb code (9.1.1). */
  se(): number {
    const code = this.ue();
    return code % 2 === 1 ? (code + 1) / 2 : -code / 2;
  }
}

/** At most `most` bytes of a unit, from `from` to `to`, without the bytes that keep start codes out of it (7.4.1). */
export function unescaped(data: Buffer, from: number, to: number, most: number): Buffer {
  const out: number[] = [];
  let zeros = 0;
  for (let at = from; at < to && at < data.length && out.length < most; at += 1) {
    const byte = data[at] ?? 0;
    if (zeros >= 2 && byte === 3) {
      zeros = 0;
      continue;
    }
    zeros = byte === 0 ? zeros + 1 : 0;
    out.push(byte);
  }
  return Buffer.from(out);
}
