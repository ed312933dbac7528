// SPDX-License-Identifier: Apache-2.0
/** What the command's exit codes mean; part of its interface, see README. */
export const EXIT = {
  ok: 0,
  /** it ran, and what it looked at is not in order: a mismatch, a failed check */
  failed: 1,
  /** it was used wrongly: flags, configuration, an unusable file */
  usage: 2,
  /** this machine lacks what it needs: not Linux, no ffmpeg, no codec library, nobody at the socket */
  unavailable: 3,
} as const;
