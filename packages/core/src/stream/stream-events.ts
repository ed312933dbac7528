// SPDX-License-Identifier: Apache-2.0
import type { PictureLayout } from '../picture/index.ts';
import type { BufferMemory, DecodedPicture, StreamFormat } from '../ports/index.ts';

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

/** How a buffer of the output queue comes back. */
export interface StreamOutput<Cookie> {
  /** bytes per memory plane; all 0 for an empty LAST buffer and for a buffer that was not used */
  readonly bytesUsed: readonly number[];
  /** what was queued with the input in which the picture began; undefined if there is no picture, or it was forgotten */
  readonly cookie: Cookie | undefined;
  /** the picture is damaged, or there is none because the buffer does not fit or the decoder died */
  readonly error: boolean;
  /** nothing follows until `resume` or a restart of the output queue (or a seek after a drain) */
  readonly last: boolean;
  readonly type: DecodedPicture['type'];
  /** V4L2_FIELD_*; 0 if there is no picture */
  readonly field: number;
  /** counts the buffers returned since the output queue was started, from 0 */
  readonly sequence: number;
}

/**
 * What a stream tells its user. `In` and `Out` are the user's own handles of buffers. Called on the event loop, also from
 * inside the stream's own methods; no method may throw.
 */
export interface StreamEvents<In, Out, Cookie> {
  /** A coded buffer is free; not `ok`: it could not be decoded, or the decoder died. */
  inputReturned(handle: In, ok: boolean): void;
  outputReturned(handle: Out, output: StreamOutput<Cookie>): void;
  /**
   * The stream's format was found (`initial`) or changed (`dynamic`). All pictures of the old format have been returned.
   * The answer decides what a running output queue does: a layout means that its buffers hold the new format in this
   * layout and decoding goes on at once; undefined means that it gets its LAST buffer and stops. The answer is ignored
   * while the output queue is off.
   */
  formatChanged(format: StreamFormat, change: 'initial' | 'dynamic'): PictureLayout | undefined;
  /** A drain is done: every picture has been returned. The LAST buffer came just before, or comes with the next buffer queued. */
  endOfStream(): void;
  /** The decoder died. Every queued buffer of both queues has come back, with its error set. */
  failed(reason: string): void;
}
