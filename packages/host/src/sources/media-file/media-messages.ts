// SPDX-License-Identifier: Apache-2.0
/** What the daemon and the process of a media file say to each other. Times are microseconds, offsets bytes. */
import { type MessageOf, MessageSet } from '../../isolation/child/message-set.ts';
import { OPEN_FIELDS } from '../scaling/opened-layout.ts';

/** Daemon to process. */
const REQUESTS = {
  /** A layout came into use. */
  open: OPEN_FIELDS,
  /** Writes the picture of a time to the slot at `offset` of the pool. */
  render: ['id', 'offset', 'time'],
  close: ['id'],
  /** Another file takes the place of the one that is shown, if it can be shown; its descriptor comes as that of a pool does. */
  next: [],
} as const;

/** Process to daemon. */
const REPORTS = {
  /** the file is open; `still` if it is one picture. Colours are FFmpeg's numbers. */
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
    'still',
  ],
  /** there is nothing in the file that can be shown, or in the next; `reason` is an index of UNUSABLE */
  unusable: ['reason'],
  rendered: ['id', 'ok'],
  closed: ['id'],
} as const;

/** A message from the daemon to the process. */
export type MediaRequest = MessageOf<typeof REQUESTS>;
/** A message from the process to the daemon. */
export type MediaReport = MessageOf<typeof REPORTS>;

export const mediaRequests = new MessageSet(REQUESTS);
export const mediaReports = new MessageSet(REPORTS);
