// SPDX-License-Identifier: Apache-2.0

/** Most bytes that are kept waiting for the rest of a picture. */
const MAX_KEPT = 32 * 1024 * 1024;

/** Least room that is made for inputs that follow. */
const MIN_ROOM = 64 * 1024;

/**
 * Inputs one after the other, as far as they are not used up, and which byte came with which. Bytes are only ever added
 * behind those that are there, so views of `data` stay what they are; however many inputs a picture comes in, each byte is
 * moved a few times at most.
 */
export class JoinedInputs {
  /** room for more, behind the bytes that are there */
  #store: Buffer = Buffer.alloc(0);
  #from = 0;
  #to = 0;
  /** where each input begins in the store, rising; the first may have begun before */
  #starts: { readonly at: number; readonly id: number }[] = [];

  /** all bytes that are there */
  get data(): Buffer {
    return this.#store.subarray(this.#from, this.#to);
  }

  /** Adds an input at the end. */
  add(id: number, bytes: Buffer): void {
    const { length } = this;
    if (length === 0) {
      this.#store = bytes;
      this.#from = 0;
      this.#to = bytes.length;
      this.#starts = [{ at: 0, id }];
      return;
    }
    if (this.#to + bytes.length > this.#store.length) {
      const store = Buffer.allocUnsafe(Math.max(2 * (length + bytes.length), MIN_ROOM));
      this.data.copy(store);
      this.#starts = this.#starts.map((start) => ({ at: start.at - this.#from, id: start.id }));
      this.#store = store;
      this.#from = 0;
      this.#to = length;
    }
    this.#starts.push({ at: this.#to, id });
    bytes.copy(this.#store, this.#to);
    this.#to += bytes.length;
  }

  /** number of bytes that are there */
  get length(): number {
    return this.#to - this.#from;
  }

  /** The input that byte `at` came with. */
  idAt(at: number): number {
    return this.#starts[this.#indexAt(at)]?.id ?? 0;
  }

  /** Forgets the bytes before `at`; false, and all are forgotten, if too many remain. */
  keepFrom(at: number): boolean {
    if (at >= this.length || this.length - at > MAX_KEPT) {
      const tooMany = at < this.length;
      this.clear();
      return !tooMany;
    }
    if (at > 0) this.#starts.splice(0, this.#indexAt(at));
    this.#from += at;
    return true;
  }

  /** Forgets everything. */
  clear(): void {
    this.#store = Buffer.alloc(0);
    this.#from = 0;
    this.#to = 0;
    this.#starts = [];
  }

  /** Looked for from the front: pictures are cut off there. */
  #indexAt(at: number): number {
    const next = this.#starts.findIndex((start) => start.at > this.#from + at);
    return (next < 0 ? this.#starts.length : next) - 1;
  }
}
