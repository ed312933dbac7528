// SPDX-License-Identifier: Apache-2.0
/** A camera delivers other frames already, and cannot deliver these beside them: EBUSY to the guest. The message is for the log. */
export class SourceBusyError extends Error {
  override readonly name = 'SourceBusyError';
}
