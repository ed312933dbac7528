// SPDX-License-Identifier: Apache-2.0
/** A mistake of our own in the use of a layout: never caused by what the other side sent. */
export class WireError extends Error {
  override readonly name = 'WireError';
}
