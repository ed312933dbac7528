// SPDX-License-Identifier: Apache-2.0
/** A mistake in how a device was put together: never caused by a guest. */
export class DeviceError extends Error {
  override readonly name = 'DeviceError';
}
