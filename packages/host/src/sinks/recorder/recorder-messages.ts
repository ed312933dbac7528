// SPDX-License-Identifier: Apache-2.0
/** What the daemon and the process of a recorder say to each other. Times are microseconds, offsets bytes. */
import { type MessageOf, MessageSet } from '../../isolation/child/message-set.ts';

/** Daemon to process. */
const REQUESTS = {
  /**
   * A recording begins; the descriptors of its pool and of what it is written to came over the second socket before. `form` is an index
   * of RECORDING_KINDS, `limit` the most bytes that it may have. The list: offset in a slot, stride, rows and bytes of a row, for each
   * colour plane.
   */
  open: ['form', 'width', 'height', 'numerator', 'denominator', 'fullRange', 'matrix', 'limit', '...planes'],
  /** Writes the picture in the slot at `offset` of the pool. */
  frame: ['offset', 'time'],
  /** No frame follows. */
  finish: [],
} as const;

/** Process to daemon. */
const REPORTS = {
  ready: [],
  /** the slot at `offset` is free again, and so many bytes have been written */
  taken: ['offset', 'bytes'],
  /** nothing can be written any more; `errno` is positive, 0 if the limit is reached. What was open is finished as far as it can be. */
  failed: ['errno'],
  finished: ['bytes'],
} as const;

/** A message from the daemon to the process. */
export type RecorderRequest = MessageOf<typeof REQUESTS>;
/** A message from the process to the daemon. */
export type RecorderReport = MessageOf<typeof REPORTS>;

export const recorderRequests = new MessageSet(REQUESTS);
export const recorderReports = new MessageSet(REPORTS);
