// SPDX-License-Identifier: Apache-2.0
/**
 * Where the bytes of a plane live, named without touching them. The event loop passes these descriptions around; only a
 * `BufferAccess` (a worker, a codec process) reads or writes what they name.
 */

/** A run of guest-physical memory. Both numbers are safe integers; the range has been checked for overflow, not for presence. */
export interface GuestRange {
  readonly address: number;
  readonly length: number;
}

/**
 * Memory of one plane of a guest's buffer.
 * - `arena`: `length` bytes at `offset` of the guest's arena (MMAP buffers and staging memory);
 * - `guest`: the scatter list of a SHARED_PAGES buffer, in order; the ranges add up to at least `length`.
 */
export type BufferMemory =
  | { readonly kind: 'arena'; readonly offset: number; readonly length: number }
  | { readonly kind: 'guest'; readonly ranges: readonly GuestRange[]; readonly length: number };

/**
 * Memory of one plane of a frame on the producer's side.
 * - `bytes`: a view in this heap (tests, browsers, simple sources);
 * - `address`: memory mapped into this process outside the heap, at `address` (host sources, reached by workers).
 */
export type PlaneStorage =
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'address'; readonly address: number; readonly length: number };

/** Bytes of a plane of a frame. */
export function storedBytes(plane: PlaneStorage): number {
  switch (plane.kind) {
    case 'bytes':
      return plane.bytes.length;
    case 'address':
      return plane.length;
  }
}

/** Where the memory lies in the arena; undefined for pages of the guest. */
export function arenaOffset(memory: BufferMemory): number | undefined {
  switch (memory.kind) {
    case 'arena':
      return memory.offset;
    case 'guest':
      return undefined;
  }
}
