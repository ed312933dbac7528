// SPDX-License-Identifier: Apache-2.0
/** The limits of the protocol layer; docs/LIMITS.md lists them with the errno a guest gets. */

import type { CommandBudget } from '../virtio-device/command-loop.ts';

/** Sessions of one device, broken ones not yet closed included; one more OPEN gets EBUSY. */
export const MAX_SESSIONS = 256;
/** Readable bytes of one command; more gets EINVAL. Room for the scatter lists of a 4096x2160 XR24 buffer in single pages. */
export const MAX_COMMAND_BYTES = 640 * 1024;
/** Entries of all scatter lists of one command; more gets EINVAL. */
export const MAX_SG_ENTRIES = 32768;
/** Bytes of a plane that comes with a scatter list; more gets EINVAL before any of the list is read. */
export const MAX_PLANE_BYTES = 256 * 1024 * 1024;
/** Bytes that the controls of one call have behind their pointers, all together; more gets ENOSPC before any list is read. */
export const MAX_CONTROL_BYTES = 64 * 1024;
/**
 * Pieces of memory that a scatter list of `length` bytes may have, those that touch joined and those that lie in several regions
 * counted in each; more gets EINVAL. A list of pages has half as many; what has more is copied byte by byte.
 */
export function maxPieces(length: number): number {
  return 1024 + Math.ceil(length / 2048);
}
/** Controls of one ext-controls ioctl (V4L2_CID_MAX_CTRLS); more gets EINVAL. */
export const MAX_CONTROLS = 1024;
/** Undelivered V4L2 events of one session with the same type and id; further ones are merged into the newest. */
export const MAX_PENDING_PER_SUBSCRIPTION = 8;
/** Events of one session that wait for a buffer: with more, each further V4L2 event is merged into the newest of its type and id. */
export const MAX_PENDING_PER_SESSION = 256;
/** The same for all sessions of a device together. */
export const MAX_PENDING_EVENTS = 4096;
/** What one wake-up may cost before the transport gets its turn again (VU-V16), and how much may wait for busy sessions. */
export const COMMAND_BUDGET: CommandBudget = { commands: 128, milliseconds: 2, waitingBytes: 4 * 1024 * 1024 };
