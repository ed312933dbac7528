// SPDX-License-Identifier: Apache-2.0

import { type CapturedFrame, type PictureLayout, type PlaneStorage, roundUp, SourceError } from '@paravideo/core';
import { type Fd, MemoryMapping, memfd } from '../sys/index.ts';

/** Planes begin at multiples of this, in bytes: a page, so that a pool can be mapped in parts. */
const PLANE_ALIGN = 4096;

/** Frames of a pool, unless told otherwise. */
export const DEFAULT_SLOTS = 8;

/** Where a plane lies in every slot of a pool. */
export interface SlotPlane {
  /** bytes from the start of the slot */
  readonly offset: number;
  /** bytes: the layout's `sizeImage` */
  readonly length: number;
}

/** What a frame says beside its pixels. */
export interface FrameMoment {
  /** number of the frame in its source */
  readonly sequence: number;
  /** microseconds of the monotonic clock */
  readonly timestamp: number;
  /** nobody will see it: a film does not go on for it */
  readonly trial?: boolean;
}

/**
 * Memory for one frame.
 *
 * free --take--> filling --publish--> lent --release--> free; filling --abandon--> free.
 */
export interface FrameSlot {
  readonly index: number;
  /** bytes from the start of the pool's memory */
  readonly offset: number;
  /** raw addresses, one per plane */
  readonly planes: readonly { readonly address: number; readonly length: number }[];
  /** The picture is written: it stays until the frame is released. */
  publish(moment: FrameMoment, field: number): CapturedFrame;
  /** No picture came of it. */
  abandon(): void;
}

/**
 * A fixed number of frames of one layout in a memfd mapped outside the heap. Pages that no frame ever needed cost nothing:
 * the lowest free slot is always taken first.
 *
 * open --close--> closing (slots still out) --last slot back--> closed (unmapped).
 */
export class FramePool {
  readonly layout: PictureLayout;
  readonly fd: Fd;
  /** where each plane lies in a slot */
  readonly planes: readonly SlotPlane[];
  /** bytes from one slot to the next */
  readonly slotSize: number;
  readonly slots: number;
  readonly #mapping: MemoryMapping;
  /** by index: 1 while it is filling or lent */
  readonly #taken: Uint8Array;
  #out = 0;
  #state: 'open' | 'closing' | 'closed' = 'open';

  private constructor(name: string, layout: PictureLayout, slots: number) {
    let offset = 0;
    this.planes = layout.sizes.map((length) => {
      const plane = { offset, length };
      offset += roundUp(length, PLANE_ALIGN);
      return plane;
    });
    this.layout = layout;
    this.slotSize = offset;
    this.slots = slots;
    this.#taken = new Uint8Array(slots);
    this.fd = memfd(name, offset * slots);
    try {
      this.#mapping = MemoryMapping.map(this.fd, 0, this.length, { writable: true });
    } catch (error) {
      this.fd.close();
      throw error;
    }
  }

  /** `slots` frames of `layout`; throws what `memfd` and `MemoryMapping.map` throw when there is no memory. */
  static create(name: string, layout: PictureLayout, slots: number): FramePool {
    if (!Number.isInteger(slots) || slots < 1) throw new SourceError(`a frame pool of ${slots} slots: it must have at least 1`);
    if (layout.sizes.every((size) => size === 0)) throw new SourceError('a frame pool for pictures of 0 bytes');
    return new FramePool(name, layout, slots);
  }

  /** Bytes of a pool of `slots` frames of `layout`. */
  static bytes(layout: PictureLayout, slots: number = DEFAULT_SLOTS): number {
    return slots * layout.sizes.reduce((sum, size) => sum + roundUp(size, PLANE_ALIGN), 0);
  }

  /** bytes of all slots */
  get length(): number {
    return this.slotSize * this.slots;
  }

  /** address of slot 0 */
  get address(): number {
    return this.#mapping.address;
  }

  /** slots that are filling or lent */
  get out(): number {
    return this.#out;
  }

  get state(): 'open' | 'closing' | 'closed' {
    return this.#state;
  }

  /** Keeps the memory mapped until the answer is disposed of: for a thread or process that knows its address. */
  pin(): Disposable {
    return this.#mapping.pin();
  }

  /** A free slot, zeroed when the pool was made and otherwise as its last user left it; undefined if there is none. */
  take(): FrameSlot | undefined {
    if (this.#state !== 'open') return undefined;
    const index = this.#taken.indexOf(0);
    if (index < 0) return undefined;
    this.#taken[index] = 1;
    this.#out++;
    const offset = index * this.slotSize;
    const planes = this.planes.map((plane) => ({ address: this.address + offset + plane.offset, length: plane.length }));
    let state: 'filling' | 'lent' | 'free' = 'filling';
    const leave = (from: 'filling' | 'lent', to: 'lent' | 'free'): void => {
      if (state !== from)
        throw new SourceError(`slot ${index} of a frame pool is ${state} and not ${from}: it cannot become ${to}`);
      state = to;
      if (to === 'free') this.#free(index);
    };
    return {
      index,
      offset,
      planes,
      publish: ({ sequence, timestamp }, field) => {
        leave('filling', 'lent');
        return {
          sequence,
          timestamp,
          field,
          planes: planes.map((plane): PlaneStorage => ({ kind: 'address', ...plane })),
          release: () => leave('lent', 'free'),
        };
      },
      abandon: () => leave('filling', 'free'),
    };
  }

  #free(index: number): void {
    this.#taken[index] = 0;
    this.#out--;
    if (this.#state === 'closing' && this.#out === 0) this.#unmap();
  }

  #unmap(): void {
    this.#state = 'closed';
    this.#mapping[Symbol.dispose]();
    this.fd.close();
  }

  /** No slot is given out any more; the memory goes with the last frame (and the last pin). */
  close(): void {
    if (this.#state !== 'open') return;
    this.#state = 'closing';
    if (this.#out === 0) this.#unmap();
  }
}
