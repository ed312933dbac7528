// SPDX-License-Identifier: Apache-2.0
import type { GuestMemory } from '../memory/guest-memory.ts';
import type { GuestRange } from '../ports/buffer-memory.ts';
import { Errno } from '../wire/errno.gen.ts';
import { virtio_media_sg_entry } from '../wire/media/virtio-media.ts';
import { MAX_SG_ENTRIES, maxPieces } from './limits.ts';

/**
 * Reads the scatter lists that follow a payload (VM-DX7), one after the other, from bytes already fetched from
 * the guest. Bounded in entries for the whole command (P19), and in pieces of memory for each list, whoever cut it up: the guest
 * by its entries, or its VMM by the regions that they lie in.
 */
export class ScatterListReader {
  readonly #view: DataView;
  readonly #memory: GuestMemory;
  #at: number;
  #entries = 0;

  constructor(view: DataView, at: number, memory: GuestMemory) {
    this.#view = view;
    this.#at = at;
    this.#memory = memory;
  }

  /**
   * The next list: entries until they add up to `length` bytes (VM-DX7), the surplus of the last one cut off, touching
   * ranges joined. EINVAL if the list is too long, ends early or is in too many pieces, EFAULT if it names memory that the guest does not have.
   */
  next(length: number): readonly GuestRange[] | number {
    const { start, len } = virtio_media_sg_entry.fields;
    const ranges: GuestRange[] = [];
    const limit = maxPieces(length);
    let missing = length;
    while (missing > 0) {
      if (++this.#entries > MAX_SG_ENTRIES || this.#at + virtio_media_sg_entry.size > this.#view.byteLength) return Errno.EINVAL;
      const address = start.get(this.#view, this.#at);
      const run = Math.min(len.get(this.#view, this.#at), missing);
      this.#at += virtio_media_sg_entry.size;
      if (run === 0) continue;
      if (!this.#memory.covers(address, run)) return Errno.EFAULT;
      missing -= run;
      const last = ranges.at(-1);
      if (last !== undefined && last.address + last.length === address) {
        ranges[ranges.length - 1] = { address: last.address, length: last.length + run };
      } else if (ranges.push({ address, length: run }) > limit) return Errno.EINVAL;
    }
    let pieces = 0;
    for (const range of ranges) {
      pieces += this.#memory.pieces(range.address, range.length);
      if (pieces > limit) return Errno.EINVAL;
    }
    return ranges;
  }
}
