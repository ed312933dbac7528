// SPDX-License-Identifier: Apache-2.0
/** The device did something that no guest may make it do. */
export class FuzzError extends Error {
  override readonly name = 'FuzzError';
}
