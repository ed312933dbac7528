// SPDX-License-Identifier: Apache-2.0
import type { PictureLayout } from '../picture/index.ts';
import type { BufferMemory, DecodedPicture, DecoderFactory, StreamFormat } from '../ports/index.ts';
import type { StreamPolicy } from './stream-policy.ts';

/** A queue of a stream. `stopping`: no event for it any more, its buffers are not yet free. */
export type StreamQueueState = 'off' | 'on' | 'stopping';

/**
 * Result of a command. `ignored`: allowed, but it means nothing now. `busy`: a drain is in progress. `unavailable`: no
 * decoder can be had. `failed`: the decoder died, or the stream is closed.
 */
export type StreamResult = 'ok' | 'ignored' | 'busy' | 'unavailable' | 'failed';

/** Coded data of one buffer: `length` bytes at `offset` of `memory`. */
export interface StreamInput {
  readonly memory: BufferMemory;
  readonly offset: number;
  readonly length: number;
  /** the buffer is full to the last byte: its data may go on in the next one */
  readonly mayContinue: boolean;
}

/**
 * What a format means to the output queue. A layout: its buffers hold the format in this layout, and decoding goes on at once.
 * `stop`: they don't, or are to be made again. `beyond-limits`: the stream fails. The answer counts for nothing but `beyond-limits`
 * while the format waits for a start of the output queue.
 */
export type FormatAnswer = PictureLayout | 'stop' | 'beyond-limits';

/**
 * What the output queue does at a format. `kept`: it goes on with the buffers that it has. `stopped`: it waits for `resume` or a
 * restart. `parked`: it is off, and its next start is for this format.
 */
export type StreamOutputs = 'kept' | 'stopped' | 'parked';

/** How a buffer of the output queue comes back. An unused one without error or LAST was given back for a change of format. */
export interface StreamOutput<Cookie> {
  /** bytes per memory plane; all 0 for an empty LAST buffer and for a buffer that was not used */
  readonly bytesUsed: readonly number[];
  /** what was queued with the input in which the picture began; undefined if there is no picture, or it was forgotten */
  readonly cookie: Cookie | undefined;
  /** the picture is damaged, or there is none because the buffer does not fit or the decoder died */
  readonly error: boolean;
  /** an empty buffer that is the last one before a change of format, or of a drain */
  readonly last: 'no' | 'change' | 'drain';
  readonly type: DecodedPicture['type'];
  /** V4L2_FIELD_*; 0 if there is no picture */
  readonly field: number;
  /** counts the buffers returned since the output queue was started, from 0 */
  readonly sequence: number;
}

/**
 * What a stream tells its user. `In` and `Out` are the user's own handles of buffers. Called on the event loop, also from
 * inside the stream's own methods; no method may throw, or call the stream.
 */
export interface StreamEvents<In, Out, Cookie> {
  /** A coded buffer is free; not `ok`: it could not be decoded, or the decoder died. */
  inputReturned(handle: In, ok: boolean): void;
  outputReturned(handle: Out, output: StreamOutput<Cookie>): void;
  /**
   * The stream's format was found (`initial`) or changed (`dynamic`). All pictures of the old format have been returned.
   * `outputs` says what the output queue does. Where it is `stopped`, the policy says whether that is still to come.
   */
  formatChanged(format: StreamFormat, change: 'initial' | 'dynamic', outputs: StreamOutputs): void;
  /** A drain is done: every picture has been returned. A LAST buffer came just before, or comes with the next buffer queued. */
  endOfStream(): void;
  /** The decoder died. Every queued buffer of both queues has come back, with its error set. */
  failed(reason: string): void;
}

/** What a decoder's stream is made of. */
export interface DecoderStreamOptions<In, Out, Cookie> {
  readonly factory: DecoderFactory;
  readonly policy: StreamPolicy;
  /** Says what a format means to the output queue as it is now. It changes nothing: the stream asks before it tells. */
  readonly fits: (format: StreamFormat) => FormatAnswer;
  readonly events: StreamEvents<In, Out, Cookie>;
}
