// SPDX-License-Identifier: Apache-2.0
/** What the daemon and the process of a live stream say to each other. Times are microseconds of CLOCK_MONOTONIC, offsets bytes. */
import { type MessageOf, MessageSet } from '../../isolation/child/index.ts';
import { OPEN_FIELDS } from '../scaling/opened-layout.ts';

/** Daemon to process. */
const REQUESTS = {
  /** Pictures are wanted in this layout, in place of the one before. */
  open: OPEN_FIELDS,
  /** The next picture may be written to the slot at `offset`. */
  slot: ['id', 'offset'],
  /** No pictures are wanted. */
  close: ['id'],
} as const;

/** Process to daemon. */
const REPORTS = {
  /** The stream is open, and its first picture was decoded. Colours are FFmpeg's numbers; a denominator of 0: it does not say its rate. */
  info: [
    'width',
    'height',
    'aspectNumerator',
    'aspectDenominator',
    'intervalNumerator',
    'intervalDenominator',
    'primaries',
    'transfer',
    'matrix',
  ],
  /** A picture lies in the slot; `time` is when it was sent, as far as that can be told here. */
  frame: ['id', 'offset', 'sequence', 'time'],
  /** Something came, though nobody may have wanted it; about once in a second. */
  alive: [],
  /** Nothing will come any more: `stage` is an index of STAGES, `code` FFmpeg's. */
  fault: ['stage', 'code'],
} as const;

/** A message from the daemon to the process. */
export type LiveRequest = MessageOf<typeof REQUESTS>;
/** A message from the process to the daemon. */
export type LiveReport = MessageOf<typeof REPORTS>;

export const liveRequests = new MessageSet(REQUESTS);
export const liveReports = new MessageSet(REPORTS);
