// SPDX-License-Identifier: Apache-2.0
/** The laboratory (QEMU, kernel, guest) cannot be set up or used on this machine. The message names the step and the remedy. */
export class LabError extends Error {
  override readonly name = 'LabError';
}

/**
 * Debian's mirror did not serve what it lists, or nothing at all: it is being updated, or the network is down. Nothing of what was set
 * up is lost; a later try may succeed.
 */
export class MirrorError extends LabError {}
