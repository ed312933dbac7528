// SPDX-License-Identifier: Apache-2.0

/** A worker thread's module was used as something else. */
export class ThreadError extends Error {
  override readonly name = 'ThreadError';
}
