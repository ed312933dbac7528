// SPDX-License-Identifier: Apache-2.0
/** A mistake in the use of an in-process transport, or its memory is used up. */
export class TransportError extends Error {
  override readonly name = 'TransportError';
}
