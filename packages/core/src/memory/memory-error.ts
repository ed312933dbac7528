// SPDX-License-Identifier: Apache-2.0
/** An invalid region table: thrown to whoever builds the table, never for what a guest wrote into memory. */
export class MemoryError extends Error {
  override readonly name = 'MemoryError';
}
