// SPDX-License-Identifier: Apache-2.0
/** A device was put together wrongly, or a driver found one that it cannot use. What a guest does to registers never causes one. */
export class PciError extends Error {
  override readonly name = 'PciError';
}
