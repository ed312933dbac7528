// SPDX-License-Identifier: Apache-2.0
import type { GuestMemory } from '../../memory/guest-memory.ts';
import { type RingLayout, ringBytes } from '../ring-layout.ts';
import { USED_RING } from './ring-view.ts';

/** What a `RingMark` remembers. */
export interface RingMarkState {
  readonly layout: RingLayout;
  readonly next: number;
  readonly used: number;
  /** the elements of the used ring; undefined where its memory had gone */
  readonly elements: Uint8Array | undefined;
}

/**
 * What a device remembers of a ring that was stopped: where it was, how far, and all that it has written there. A driver never
 * writes to the used ring, so a ring that still holds the same is the same ring; one of a driver that begins anew is zeroed,
 * or lies elsewhere. The index alone does not tell: it is 0 again after 65536 chains.
 */
export class RingMark {
  readonly #layout: RingLayout;
  readonly #next: number;
  readonly #used: number;
  /** the elements of the used ring; undefined where its memory had gone */
  readonly #elements: Uint8Array | undefined;

  private constructor(layout: RingLayout, next: number, used: number, elements: Uint8Array | undefined) {
    this.#layout = layout;
    this.#next = next;
    this.#used = used;
    this.#elements = elements;
  }

  /** Of a ring as it lies in memory. `next`: next entry of the available ring to take; `used`: the used index as the driver sees it. */
  static of(memory: GuestMemory, layout: RingLayout, next: number, used: number): RingMark {
    return new RingMark(layout, next, used, elements(memory, layout)?.slice());
  }

  /** From what `save` told. */
  static from({ layout, next, used, elements }: RingMarkState): RingMark {
    return new RingMark(layout, next, used, elements);
  }

  /** All that it remembers. */
  save(): RingMarkState {
    return { layout: this.#layout, next: this.#next, used: this.#used, elements: this.#elements };
  }

  /** True if a ring that starts at `next` is the one that was stopped. */
  matches(memory: GuestMemory, layout: RingLayout, next: number): boolean {
    const old = this.#layout;
    const place =
      old.size === layout.size &&
      old.descriptors === layout.descriptors &&
      old.available === layout.available &&
      old.used === layout.used;
    if (!place || next !== this.#next) return false;
    const index = memory.window(layout.used, USED_RING)?.view.getUint16(2, true);
    if (index !== this.#used) return false;
    const now = elements(memory, layout);
    return this.#elements === undefined || (now !== undefined && this.#elements.every((byte, i) => now[i] === byte));
  }
}

function elements(memory: GuestMemory, layout: RingLayout): Uint8Array | undefined {
  return memory.window(layout.used, ringBytes(layout.size).used)?.bytes.subarray(USED_RING, USED_RING + 8 * layout.size);
}
