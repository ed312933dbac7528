// SPDX-License-Identifier: Apache-2.0
/** What the daemon and a codec process say to each other. Offsets are bytes in the guest's arena. */
import { type MessageOf, MessageSet } from '../isolation/child/message-set.ts';

/** Daemon to process. Every message but `open` and `ping` is for an open stream. */
const REQUESTS = {
  /** `codec` is an index into VIDEO_CODECS */
  open: ['stream', 'codec', 'threads'],
  decode: ['stream', 'id', 'offset', 'length', 'mayContinue'],
  /**
   * The layout for pictures, with the list of layout-numbers.ts. `serial` is the last format that the user had been told of.
   */
  output: ['stream', 'serial', 'fourcc', 'width', 'height', '...layout'],
  /** the list: offset and length per buffer of the layout */
  supply: ['stream', 'id', '...memory'],
  drain: ['stream'],
  flush: ['stream', 'serial'],
  recall: ['stream'],
  close: ['stream'],
  /** is answered as soon as it is read; for no stream */
  ping: ['stream'],
} as const;

/** Process to daemon. */
const REPORTS = {
  /** everything is loaded and locked up: streams can be opened */
  ready: [],
  /** answers a ping */
  pong: [],
  inputDone: ['stream', 'id', 'ok'],
  /** `serial` counts the formats of a stream from 1. Colours, profile and level are FFmpeg's numbers. */
  format: [
    'stream',
    'serial',
    'codedWidth',
    'codedHeight',
    'left',
    'top',
    'width',
    'height',
    'primaries',
    'transfer',
    'matrix',
    'range',
    'aspectNumerator',
    'aspectDenominator',
    'interlaced',
    'reorder',
    'profile',
    'level',
  ],
  /** `type` is an index into PICTURE_TYPES */
  picture: ['stream', 'targetId', 'inputId', 'interlaced', 'error', 'type'],
  drained: ['stream'],
  /** answers, in order, to flush, recall and close */
  confirmed: ['stream'],
  /** the decoder of this stream cannot go on; everything lent to it is free */
  broken: ['stream'],
} as const;

/** Values of `type` in a picture report. */
export const PICTURE_TYPES = ['unknown', 'key', 'p', 'b'] as const;

/** A message from the daemon to the codec process. */
export type CodecRequest = MessageOf<typeof REQUESTS>;
/** A message from the codec process to the daemon. */
export type CodecReport = MessageOf<typeof REPORTS>;

export const requests = new MessageSet(REQUESTS);
export const reports = new MessageSet(REPORTS);
