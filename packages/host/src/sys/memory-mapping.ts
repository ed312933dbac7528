// SPDX-License-Identifier: Apache-2.0
import { fstatSync } from 'node:fs';
import { constants } from 'node:os';
import { guardRange } from './fault-guard.ts';
import type { Fd } from './fd.ts';
import { lastErrno, libc, PAGE_SIZE } from './libc.ts';
import { detach, viewAt } from './raw-memory.ts';
import { SysError } from './sys-error.ts';

const PROT_READ = 1;
const PROT_WRITE = 2;
const MAP_SHARED = 1;
const MAP_NORESERVE = 0x4000;

type MappingState =
  | { readonly kind: 'mapped'; view: Uint8Array<ArrayBuffer> | undefined }
  /** disposed, but somebody still copies: unmapped when the last pin goes */
  | { readonly kind: 'closing' }
  | { readonly kind: 'unmapped' };

/** How a part of a file is mapped. */
export interface MappingOptions {
  readonly writable: boolean;
  /** The file could not give a page that was touched: there are zeros in the whole mapping now. Called later, on the event loop. */
  readonly onFault?: () => void;
}

/**
 * A part of a file mapped into this process, shared. One owner disposes it; then its view is detached at once, and the
 * memory is unmapped as soon as the last pin is gone.
 */
export class MemoryMapping implements Disposable {
  /** address of the first byte asked for */
  readonly address: number;
  /** bytes asked for */
  readonly length: number;
  readonly writable: boolean;
  readonly #base: number;
  readonly #size: number;
  readonly #guard: Disposable | undefined;
  #state: MappingState = { kind: 'mapped', view: undefined };
  #pins = 0;

  private constructor(base: number, size: number, lead: number, length: number, o: MappingOptions) {
    this.#base = base;
    this.#size = size;
    this.address = base + lead;
    this.length = length;
    this.writable = o.writable;
    this.#guard = o.onFault === undefined ? undefined : guardRange(base, base + size, o.onFault);
  }

  /**
   * Maps `length` bytes at `offset` of a file; neither need be a multiple of a page. Throws `SysError`. Touching what
   * the file has not (any more) is fatal, unless `onFault` is given and the process has a guard (`faultGuardMissing`).
   */
  static map(fd: Fd, offset: number, length: number, o: MappingOptions): MemoryMapping {
    if (!Number.isSafeInteger(offset) || !Number.isSafeInteger(length) || offset < 0 || length <= 0) {
      throw new SysError('mmap', constants.errno.EINVAL, `${length} bytes at offset ${offset}`);
    }
    const protection = o.writable ? PROT_READ | PROT_WRITE : PROT_READ;
    const flags = MAP_SHARED | MAP_NORESERVE;
    let page = PAGE_SIZE;
    let lead = offset % page;
    let size = Math.ceil((lead + length) / page) * page;
    let base = libc.mmap(0, size, protection, flags, fd.number, offset - lead);
    if (base === -1 && lastErrno() === constants.errno.EINVAL) {
      // Files of huge pages can only be mapped in those; their size is the file's block size.
      page = fstatSync(fd.number).blksize;
      lead = offset % page;
      size = Math.ceil((lead + length) / page) * page;
      base = libc.mmap(0, size, protection, flags, fd.number, offset - lead);
    }
    if (base === -1) throw new SysError('mmap', lastErrno(), `${length} bytes at offset ${offset}`);
    return new MemoryMapping(base, size, lead, length, o);
  }

  /** True until disposed. */
  get open(): boolean {
    return this.#state.kind === 'mapped';
  }

  /**
   * The one view of the whole mapping; it becomes empty when the mapping is disposed. Writing to a mapping that is not
   * writable kills the process. Throws `SysError` (EFAULT) after disposal.
   */
  bytes(): Uint8Array<ArrayBuffer> {
    if (this.#state.kind !== 'mapped')
      throw new SysError('MemoryMapping.bytes', constants.errno.EFAULT, 'the mapping was disposed');
    this.#state.view ??= viewAt(this.address, this.length);
    return this.#state.view;
  }

  /** Keeps the memory mapped until the pin is disposed: for copies that run in other threads. Throws `SysError` (EFAULT) after disposal. */
  pin(): Disposable {
    if (this.#state.kind !== 'mapped')
      throw new SysError('MemoryMapping.pin', constants.errno.EFAULT, 'the mapping was disposed');
    this.#pins += 1;
    let held = true;
    return {
      [Symbol.dispose]: () => {
        if (!held) return;
        held = false;
        this.#pins -= 1;
        if (this.#pins === 0 && this.#state.kind === 'closing') this.#unmap();
      },
    };
  }

  [Symbol.dispose](): void {
    if (this.#state.kind !== 'mapped') return;
    if (this.#state.view !== undefined) detach(this.#state.view);
    this.#state = { kind: 'closing' };
    if (this.#pins === 0) this.#unmap();
  }

  #unmap(): void {
    this.#state = { kind: 'unmapped' };
    this.#guard?.[Symbol.dispose]();
    libc.munmap(this.#base, this.#size);
  }
}
