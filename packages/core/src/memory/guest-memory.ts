// SPDX-License-Identifier: Apache-2.0
/**
 * Guest memory as a table of guest-physical regions. All guest addresses come from a hostile side: every access checks
 * bounds without overflow and answers with a value, never with a throw.
 */

/** A window on guest memory inside one region, valid while `GuestMemory.generation` stays the same. */
export interface MemoryWindow {
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

/** The port. Addresses and lengths are numbers; anything that is not a safe non-negative integer is simply not covered. */
export interface GuestMemory {
  /** Counts changes of the table: whoever caches a window looks it up again when this number moved. */
  readonly generation: number;
  /** Exactly `length` bytes at `address` if they lie in one region, else undefined. */
  window(address: number, length: number): MemoryWindow | undefined;
  /** True if every byte of the range is in some region; length 0 is covered anywhere. Costs the same for any length. */
  covers(address: number, length: number): boolean;
  /** How many regions a range lies in; 0 if not every byte of it is in one, or if it is empty. Costs the same for any length. */
  pieces(address: number, length: number): number;
  /** Copies guest memory into `into`, across regions if need be. False, and nothing promised of `into`, if not covered. */
  read(address: number, into: Uint8Array): boolean;
  /** Copies `from` to guest memory. False, with nothing written, if not covered. */
  write(address: number, from: Uint8Array): boolean;
}
