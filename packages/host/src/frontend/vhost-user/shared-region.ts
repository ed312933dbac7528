// SPDX-License-Identifier: Apache-2.0
import { type Fd, fileSize, MemoryMapping, PAGE_SIZE, SysError } from '../../sys/index.ts';

interface Piece {
  readonly offset: number;
  readonly mapping: MemoryMapping;
}

/**
 * Shared memory region 0 as the guest sees it: the pieces that the back-end had mapped. It grants what a careful VMM grants:
 * whole pages, inside the region and the file, over nothing that is there already.
 */
export class SharedRegion implements Disposable {
  readonly length: number;
  #pieces: Piece[] = [];

  constructor(length: number) {
    this.length = length;
  }

  /** Number of mapped pieces. */
  get pieces(): number {
    return this.#pieces.length;
  }

  /** SHMEM_MAP; false if it is refused. The descriptor is borrowed. */
  map(fd: Fd, fdOffset: number, offset: number, length: number, writable: boolean): boolean {
    const aligned = [fdOffset, offset, length].every((n) => Number.isSafeInteger(n) && n % PAGE_SIZE === 0);
    if (!aligned || length === 0 || offset + length > this.length) return false;
    if (this.#pieces.some((p) => p.offset < offset + length && offset < p.offset + p.mapping.length)) return false;
    try {
      if (fdOffset + length > fileSize(fd)) return false;
      this.#pieces.push({ offset, mapping: MemoryMapping.map(fd, fdOffset, length, { writable }) });
      return true;
    } catch (error) {
      if (error instanceof SysError) return false;
      throw error;
    }
  }

  /** SHMEM_UNMAP: exactly one mapping, or it is refused. */
  unmap(offset: number, length: number): boolean {
    const at = this.#pieces.findIndex((p) => p.offset === offset && p.mapping.length === length);
    const [piece] = at < 0 ? [] : this.#pieces.splice(at, 1);
    piece?.mapping[Symbol.dispose]();
    return piece !== undefined;
  }

  /** The guest's view; undefined unless all of it is in one piece. Writing to a read-only piece kills the process, as it should. */
  view(offset: number, length: number): Uint8Array | undefined {
    const piece = this.#at(offset);
    if (piece === undefined || offset + length > piece.offset + piece.mapping.length) return undefined;
    return piece.mapping.bytes().subarray(offset - piece.offset, offset - piece.offset + length);
  }

  /** How the guest may use what is mapped at `offset`. */
  access(offset: number): 'read' | 'read-write' | undefined {
    const piece = this.#at(offset);
    if (piece === undefined) return undefined;
    return piece.mapping.writable ? 'read-write' : 'read';
  }

  /** Drops every piece, as a VMM does at device reset. */
  [Symbol.dispose](): void {
    for (const { mapping } of this.#pieces.splice(0)) mapping[Symbol.dispose]();
  }

  #at(offset: number): Piece | undefined {
    return this.#pieces.find((p) => offset >= p.offset && offset < p.offset + p.mapping.length);
  }
}
