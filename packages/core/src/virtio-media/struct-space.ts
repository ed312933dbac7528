// SPDX-License-Identifier: Apache-2.0
/**
 * Memory for the struct of an IOCTL command, used again for later commands: a fresh buffer for each of its copies would be
 * most of what a small command costs beside its system calls.
 */

/** Spaces of one size that are kept for the next commands. */
const KEPT = 8;

/** Room for one struct twice: as the driver sent it, and as the device changes it. */
export class StructSpace {
  readonly sent: Uint8Array<ArrayBuffer>;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly view: DataView<ArrayBuffer>;

  constructor(size: number) {
    this.sent = new Uint8Array(size);
    this.bytes = new Uint8Array(size);
    this.view = new DataView(this.bytes.buffer);
  }

  /** Sets both to a struct, or to zeros. */
  fill(from: Uint8Array | undefined): void {
    if (from === undefined) {
      this.sent.fill(0);
      this.bytes.fill(0);
    } else {
      this.sent.set(from);
      this.bytes.set(from);
    }
  }
}

/** The spaces that no command uses, by size. */
export class StructSpaces {
  readonly #free = new Map<number, StructSpace[]>();

  /** A space whose bytes are those of some earlier command. */
  take(size: number): StructSpace {
    return this.#free.get(size)?.pop() ?? new StructSpace(size);
  }

  /** Takes a space back that nobody looks at any more. */
  give(space: StructSpace): void {
    const size = space.bytes.length;
    const free = this.#free.get(size);
    if (free === undefined) this.#free.set(size, [space]);
    else if (free.length < KEPT) free.push(space);
  }
}
