// SPDX-License-Identifier: Apache-2.0

/** Most bytes that are kept waiting for the rest of a picture. */
const MAX_KEPT = 32 * 1024 * 1024;

/** Inputs one after the other, as far as they are not used up, and which byte came with which. */
export class JoinedInputs {
  #data: Buffer = Buffer.alloc(0);
  /** where each input begins, rising; the first may have begun before */
  #starts: { readonly at: number; readonly id: number }[] = [];

  /** all bytes that are there */
  get data(): Buffer {
    return this.#data;
  }

  /** Adds an input at the end. */
  add(id: number, bytes: Buffer): void {
    this.#starts.push({ at: this.#data.length, id });
    this.#data = this.#data.length === 0 ? bytes : Buffer.concat([this.#data, bytes]);
  }

  /** The input that byte `at` came with. */
  idAt(at: number): number {
    return this.#starts.findLast((start) => start.at <= at)?.id ?? 0;
  }

  /** Forgets the bytes before `at`; false, and all are forgotten, if too many remain. */
  keepFrom(at: number): boolean {
    if (at >= this.#data.length || this.#data.length - at > MAX_KEPT) {
      const tooMany = at < this.#data.length;
      this.clear();
      return !tooMany;
    }
    const later = this.#starts.filter((start) => start.at > at).map((start) => ({ at: start.at - at, id: start.id }));
    this.#starts = [{ at: 0, id: this.idAt(at) }, ...later];
    this.#data = this.#data.subarray(at);
    return true;
  }

  /** Forgets everything. */
  clear(): void {
    this.#data = Buffer.alloc(0);
    this.#starts = [];
  }
}
