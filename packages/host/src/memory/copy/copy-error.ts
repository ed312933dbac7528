// SPDX-License-Identifier: Apache-2.0

/** The copy pool was used against its contract. Never the doing of a guest. */
export class CopyError extends Error {
  override readonly name = 'CopyError';
}
