// SPDX-License-Identifier: Apache-2.0
/**
 * What one guest may ask of one device. Every number a guest sends is held against one of these (P19); beside each stands
 * the errno that the guest sees at the limit.
 */

/** Limits of one device node, as one guest sees it. */
export interface DeviceLimits {
  /** open sessions; the next OPEN gets EMFILE */
  readonly sessions: number;
  /** buffers of a queue: REQBUFS is clamped, CREATE_BUFS gets ENOBUFS (VIDEO_MAX_FRAME) */
  readonly buffersPerQueue: number;
  /** bytes of MMAP buffers of a device, all sessions together, beside what the arena holds; ENOMEM */
  readonly bufferBytes: number;
  /** bytes of one plane; formats are clamped to it, CREATE_BUFS and QBUF with a longer one get EINVAL */
  readonly planeBytes: number;
  /** event subscriptions of a session; ENOMEM */
  readonly subscriptions: number;
  /** `count` of G/S/TRY_EXT_CTRLS; EINVAL, as V4L2_CID_MAX_CTRLS */
  readonly controlsPerCall: number;
  /** bytes of string and compound controls of one call; ENOSPC */
  readonly controlBytes: number;
}

/** The limits of a device that was given none. */
export const DEFAULT_LIMITS: DeviceLimits = {
  sessions: 256,
  buffersPerQueue: 32,
  bufferBytes: 1024 * 1024 * 1024,
  planeBytes: 256 * 1024 * 1024,
  subscriptions: 256,
  controlsPerCall: 1024,
  controlBytes: 64 * 1024,
};
