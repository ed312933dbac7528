// SPDX-License-Identifier: Apache-2.0
/**
 * MSI-X table and pending bits, one after the other in one region. Most embedders emulate them themselves and only learn
 * from here where they lie; for the others this is their storage, and says which message a vector sends.
 */
import { MSIX_ENTRY_BYTES } from '../../wire/pci/virtio-pci.ts';

/** What the guest wrote for one vector. */
export interface MsixMessage {
  /** low and high half of the address */
  readonly address: readonly [low: number, high: number];
  readonly data: number;
  readonly masked: boolean;
}

/** The region behind the base address register of MSI-X. */
export class MsixTable {
  readonly vectors: number;
  /** where the pending bits start */
  readonly pbaOffset: number;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;

  constructor(vectors: number, size: number, pbaOffset: number) {
    this.vectors = vectors;
    this.pbaOffset = pbaOffset;
    this.#bytes = new Uint8Array(size);
    this.#view = new DataView(this.#bytes.buffer);
    this.reset();
  }

  /** What vector `n` sends. */
  message(n: number): MsixMessage | undefined {
    if (!Number.isInteger(n) || n < 0 || n >= this.vectors) return undefined;
    const at = n * MSIX_ENTRY_BYTES;
    return {
      address: [this.#view.getUint32(at, true), this.#view.getUint32(at + 4, true)],
      data: this.#view.getUint32(at + 8, true),
      masked: (this.#view.getUint32(at + 12, true) & 1) !== 0,
    };
  }

  /** Sets or clears the pending bit of vector `n`. */
  setPending(n: number, pending: boolean): void {
    if (n >= this.vectors) return;
    const at = this.pbaOffset + (n >> 3);
    const bit = 1 << (n & 7);
    const old = this.#bytes[at] as number;
    this.#bytes[at] = pending ? old | bit : old & ~bit;
  }

  /** A guest's read inside the region. */
  read(offset: number, into: Uint8Array): void {
    into.set(this.#bytes.subarray(offset, offset + into.length));
  }

  /** A guest's write inside the region: whole or half entries of the table, nothing else. */
  write(offset: number, from: Uint8Array): void {
    const whole = (from.length === 4 || from.length === 8) && offset % from.length === 0;
    if (whole && offset + from.length <= this.vectors * MSIX_ENTRY_BYTES) this.#bytes.set(from, offset);
  }

  /** All vectors masked, nothing pending. */
  reset(): void {
    this.#bytes.fill(0);
    for (let n = 0; n < this.vectors; n++) this.#bytes[n * MSIX_ENTRY_BYTES + 12] = 1;
  }
}
