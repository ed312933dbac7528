// SPDX-License-Identifier: Apache-2.0
/** A control that its device declares wrongly. */
export class ControlError extends Error {
  override readonly name = 'ControlError';
}
