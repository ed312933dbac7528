// SPDX-License-Identifier: Apache-2.0
/** A test guest did not start, did not answer in time, or ended. The message names the folder with its console log. */
export class GuestError extends Error {
  override readonly name = 'GuestError';
}
