// SPDX-License-Identifier: Apache-2.0

/** Longest header that is kept; a real one has less than a hundred bytes. */
const MAX_BYTES = 1024;

/** The sequence headers of a stream so far. Encoders repeat theirs before each picture that decoding can begin at. */
export class SequenceHeaders {
  #first: Buffer | undefined;
  #same = true;

  /** True while all of them are one and the same: what they say of pictures holds for every picture. */
  get same(): boolean {
    return this.#same;
  }

  /** A header, from `from` to `to`. */
  add(data: Buffer, from: number, to: number): void {
    if (!this.#same) return;
    if (to - from > MAX_BYTES) this.#same = false;
    else if (this.#first === undefined) this.#first = Buffer.from(data.subarray(from, to));
    else this.#same = this.#first.equals(data.subarray(from, to));
    if (!this.#same) this.#first = undefined;
  }
}
