// SPDX-License-Identifier: Apache-2.0
/** A virtual machine monitor cannot be used: it is not there, or has no device that fits. The message says what would help. */
export class VmmError extends Error {
  override readonly name = 'VmmError';
}
