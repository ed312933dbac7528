// SPDX-License-Identifier: Apache-2.0
/** The limits of the protocol layer; docs/LIMITS.md lists them with the errno a guest gets. */

/** Sessions of one device, broken ones not yet closed included; one more OPEN gets EBUSY. */
export const MAX_SESSIONS = 256;
/** Readable bytes of one command; more gets EINVAL. Room for the scatter lists of a 4096x2160 XR24 buffer in single pages. */
export const MAX_COMMAND_BYTES = 640 * 1024;
/** Entries of all scatter lists of one command; more gets EINVAL. */
export const MAX_SG_ENTRIES = 32768;
/** Controls of one ext-controls ioctl (V4L2_CID_MAX_CTRLS); more gets EINVAL. */
export const MAX_CONTROLS = 1024;
/** Undelivered V4L2 events of one session with the same type and id; further ones are merged into the newest. */
export const MAX_PENDING_PER_SUBSCRIPTION = 8;
/** Commands handled for one wake-up before the transport gets its turn again (VU-V16). */
export const COMMANDS_PER_WAKE = 128;
/** Event buffers too small for the event that are given back in one go. */
export const MAX_REFUSED_BUFFERS = 1024;
