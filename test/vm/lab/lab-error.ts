// SPDX-License-Identifier: Apache-2.0
/** The laboratory (QEMU, kernel, guest) cannot be set up or used on this machine. The message names the step and the remedy. */
export class LabError extends Error {
  override readonly name = 'LabError';
}
