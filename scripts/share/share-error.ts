// SPDX-License-Identifier: Apache-2.0
/** A measurement could not be made: that says nothing about the daemon. */
export class ShareError extends Error {
  override readonly name = 'ShareError';
}
