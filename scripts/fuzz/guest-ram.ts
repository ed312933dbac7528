// SPDX-License-Identifier: Apache-2.0
import { RegionMemory } from '@paravideo/core';
import { type Random, TOY_UNIT, toyHeader, toyPicture } from '@paravideo/core/testing';
import { FuzzError } from './fuzz-error.ts';

/**
 * Rings and commands lie at `RAM`, and the data of buffers at `DATA`. A list that was changed at random may make the device
 * write anywhere in the guest; it must not hit the rings by chance, or the guest's own mistake looks like ours.
 */
export const RAM = 0x5a_1357_0000;
const DATA = 0x3_0000_0000;
const LOW = 0x10_0000;
const DATA_BYTES = 0x4_0000;
/** Each of the two is two regions that touch here. */
const SEAM = 0x3_2345;

/** The memory of one guest. */
export class FuzzRam {
  readonly memory: RegionMemory = new RegionMemory();
  /** rings and commands */
  readonly ram: Uint8Array;
  readonly #data = new Uint8Array(DATA_BYTES);
  readonly #random: Random;
  readonly #marker: Uint8Array;

  /** `marker` fills all of it. */
  constructor(random: Random, marker: Uint8Array, ramBytes: number) {
    this.#random = random;
    this.#marker = marker;
    this.ram = new Uint8Array(ramBytes);
    // Two regions that touch, above 4 GiB; a hole between them and low memory.
    this.memory.addRegion({ address: RAM, bytes: this.ram.subarray(0, SEAM) });
    this.memory.addRegion({ address: RAM + SEAM, bytes: this.ram.subarray(SEAM) });
    this.memory.addRegion({ address: DATA, bytes: this.#data.subarray(0, SEAM) });
    this.plug();
    this.memory.addRegion({ address: LOW, bytes: new Uint8Array(4096).fill(0x11) });
  }

  /** Takes a part of the data away; false if something is reading or writing it. */
  unplug(): boolean {
    return this.memory.removeRegion(DATA + SEAM);
  }

  /** Brings it back. */
  plug(): void {
    this.memory.addRegion({ address: DATA + SEAM, bytes: this.#data.subarray(SEAM) });
  }

  /** As at first, with coded data here and there. */
  fresh(): void {
    for (const bytes of [this.ram, this.#data]) {
      for (let at = 0; at < bytes.length; at += this.#marker.length) bytes.set(this.#marker.subarray(0, bytes.length - at), at);
    }
    this.sow();
  }

  /** Coded data for the decoder somewhere in the data area. */
  sow(): void {
    const random = this.#random;
    for (let i = 0; i < 40; i++) {
      const at = 64 * random.below(DATA_BYTES / 64);
      const unit = random.once(3)
        ? toyHeader({ width: random.pick([64, 128, 63]), height: random.pick([48, 96]), depth: random.below(4) })
        : toyPicture(random.below(9), random.pick(['key', 'p', 'b'] as const), random.once(5));
      this.#data.set(unit.subarray(0, TOY_UNIT), at);
    }
  }

  /** A place for `length` bytes of data; now and then one that is too small. */
  data(length: number): { address: number; length: number } {
    return { address: this.#random.once(60) ? LOW : this.#place(length), length };
  }

  /** The same, with coded data at its beginning. */
  coded(length: number): { address: number; length: number } {
    const random = this.#random;
    const address = this.#place(length);
    for (let at = 0; at < 6; at++) {
      const unit = at === 0 ? toyHeader({ depth: random.below(3) }) : toyPicture(at, at === 1 ? 'key' : 'p', random.once(9));
      this.memory.write(address + TOY_UNIT * at, unit);
    }
    return { address, length };
  }

  /** Remembers every byte; the answer throws `FuzzError` if one is another now. */
  watch(): () => void {
    const all = [this.ram, this.#data];
    const before = all.map((bytes) => bytes.slice());
    return () => {
      for (const [i, bytes] of all.entries()) {
        const at = bytes.findIndex((byte, j) => byte !== before[i]?.[j]);
        if (at >= 0)
          throw new FuzzError(`byte ${at} of the guest's ${i === 0 ? 'rings' : 'data'} changed while its rings were stopped`);
      }
    };
  }

  #place(length: number): number {
    return DATA + 64 * this.#random.below(Math.max(1, (DATA_BYTES - Math.min(length, DATA_BYTES)) / 64));
  }
}
