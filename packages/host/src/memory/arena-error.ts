// SPDX-License-Identifier: Apache-2.0
/** A mistake of our own in the use of an arena: a block that was released too often, or used after that. */
export class ArenaError extends Error {
  override readonly name = 'ArenaError';
}
