// SPDX-License-Identifier: Apache-2.0
/**
 * The guest's memory as the client maps and unmaps it, piece by piece. Pieces without a descriptor (ROM, the device's own
 * regions) and pieces that may not be written are remembered, so that they can be unmapped, but hold nothing for the device.
 */
import { constants } from 'node:os';
import { firstFrom } from '@paravideo/core';
import type { HostGuestMemory } from '../../memory/index.ts';
import type { Fd, MemoryMapping } from '../../sys/index.ts';
import { DMA_FLAG, MAX_DMA_MAPS } from './protocol.ts';
import { VfioRefusedError } from './vfio-user-error.ts';

const { EEXIST, EINVAL, ENOENT, ENOSPC } = constants.errno;

/** A piece as DMA_MAP describes it. Numbers beyond 2^53 arrive as Infinity and are refused. */
export interface DmaPiece {
  readonly address: number;
  readonly size: number;
  /** where it starts in its file */
  readonly offset: number;
  /** DMA_FLAG */
  readonly flags: number;
}

/** See the top of the file. */
export class DmaTable {
  readonly #memory: HostGuestMemory;
  /** by address; none overlaps another */
  readonly #pieces: { readonly address: number; readonly size: number; readonly mapped: boolean }[] = [];

  constructor(memory: HostGuestMemory) {
    this.#memory = memory;
  }

  /** Number of pieces, those without memory included. */
  get size(): number {
    return this.#pieces.length;
  }

  /** DMA_MAP. The descriptor is borrowed. True if it brought memory. Throws `VfioRefusedError`. */
  map(piece: DmaPiece, fd: Fd | undefined): boolean {
    const { address, size, offset, flags } = piece;
    if (
      ![address, size, offset, address + size, offset + size].every((value) => Number.isSafeInteger(value)) ||
      size === 0 ||
      flags === 0 ||
      (flags & ~(DMA_FLAG.READ | DMA_FLAG.WRITE)) !== 0
    ) {
      throw new VfioRefusedError(EINVAL, `impossible memory ${describe(piece)}, file offset ${offset}, flags ${flags}`);
    }
    if (this.#pieces.length >= MAX_DMA_MAPS) throw new VfioRefusedError(ENOSPC, `more than ${MAX_DMA_MAPS} pieces of memory`);
    const at = this.#firstTouched(address);
    const other = this.#pieces[at];
    if (other !== undefined && other.address < address + size)
      throw new VfioRefusedError(EEXIST, `memory ${describe(piece)} overlaps ${describe(other)}`);
    const mapped = fd !== undefined && flags === (DMA_FLAG.READ | DMA_FLAG.WRITE);
    if (mapped) this.#add(piece, fd);
    this.#pieces.splice(at, 0, { address, size, mapped });
    return mapped;
  }

  /** DMA_UNMAP of all pieces inside a range. True if memory went. Throws `VfioRefusedError` if there are none or one is cut. */
  unmap(address: number, size: number): boolean {
    const end = address + size;
    const from = this.#firstTouched(address);
    const to = firstFrom(this.#pieces, end);
    const [first, last] = [this.#pieces[from], this.#pieces[to - 1]];
    if (from >= to || first === undefined || last === undefined) {
      throw new VfioRefusedError(ENOENT, `no memory is mapped ${describe({ address, size })}`);
    }
    const cut = first.address < address ? first : last;
    if (cut.address < address || cut.address + cut.size > end) {
      throw new VfioRefusedError(EINVAL, `unmapping memory ${describe({ address, size })} would cut that ${describe(cut)}`);
    }
    return this.#remove(from, to);
  }

  /** DMA_UNMAP of everything. True if memory went. */
  unmapAll(): boolean {
    return this.#remove(0, this.#pieces.length);
  }

  #add(piece: DmaPiece, fd: Fd): void {
    const { address, size, offset } = piece;
    let mapping: MemoryMapping | undefined;
    try {
      mapping = this.#memory.mapFile(fd, offset, size);
      this.#memory.addMapping(address, mapping);
    } catch (error) {
      mapping?.[Symbol.dispose]();
      const reason = error instanceof Error ? error.message : String(error);
      throw new VfioRefusedError(EINVAL, `memory ${describe(piece)} cannot be mapped: ${reason}`);
    }
  }

  /** Index of the first piece that ends above `address`. */
  #firstTouched(address: number): number {
    const at = firstFrom(this.#pieces, address);
    const before = this.#pieces[at - 1];
    return before !== undefined && before.address + before.size > address ? at - 1 : at;
  }

  #remove(from: number, to: number): boolean {
    const gone = this.#pieces.splice(from, to - from);
    for (const { address, mapped } of gone) if (mapped) this.#memory.removeRegion(address);
    return gone.some(({ mapped }) => mapped);
  }
}

function describe({ address, size }: { address: number; size: number }): string {
  return `of ${size} bytes at guest address ${address}`;
}
