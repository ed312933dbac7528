// SPDX-License-Identifier: Apache-2.0
/** A sink cannot be had, or cannot take what is played; the message says what to do. */
export class SinkError extends Error {
  override readonly name = 'SinkError';
}
