// SPDX-License-Identifier: Apache-2.0
/** An attack could not be set up: that says nothing about the daemon. */
export class HostileError extends Error {
  override readonly name = 'HostileError';
}
