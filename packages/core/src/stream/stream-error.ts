// SPDX-License-Identifier: Apache-2.0
/** A mistake in how a stream is used: never caused by a guest. */
export class StreamError extends Error {
  override readonly name = 'StreamError';
}
