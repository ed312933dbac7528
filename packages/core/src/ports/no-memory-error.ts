// SPDX-License-Identifier: Apache-2.0
/** There is no memory, or no more of it for this guest: ENOMEM to the guest. The message is for the log. */
export class NoMemoryError extends Error {
  override readonly name = 'NoMemoryError';
}
