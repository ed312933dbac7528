// SPDX-License-Identifier: Apache-2.0
/**
 * What an output device plays into. The device asks for room before it copies a frame out of the guest's buffer, so a frame that nobody
 * wants, or for which there is no memory, costs nothing; the buffer goes back to the guest all the same. A sink never makes a guest wait.
 */
import type { Colorimetry, Fraction, PictureLayout } from '../picture/index.ts';
import type { PlaneStorage } from './buffer-memory.ts';
import type { SourceModes } from './frame-source.ts';

/** The frames that a sink can take: those that a guest may choose from. */
export type SinkModes = Omit<SourceModes, 'colorimetry'>;

/** What a guest plays. */
export interface PlayedPicture {
  readonly layout: PictureLayout;
  /** seconds per frame */
  readonly interval: Fraction;
  readonly colorimetry: Colorimetry;
}

/** When a frame was played. */
export interface PlayedMoment {
  /** counts the frames of the stream */
  readonly sequence: number;
  /** microseconds of the monotonic clock */
  readonly timestamp: number;
  /** V4L2_FIELD_* */
  readonly field: number;
}

/** Memory for one frame. Either `show` or `abandon` is called, once; the stream may have ended by then. */
export interface FrameRoom {
  /** one per memory plane of the layout, of its size */
  readonly planes: readonly PlaneStorage[];
  /** The frame is in it. */
  show(moment: PlayedMoment): void;
  /** No frame came of it. */
  abandon(): void;
}

/** From STREAMON to STREAMOFF; disposing of it ends it. */
export interface SinkStream extends Disposable {
  /** Room for the frame that is due; undefined if nobody wants it, or there is no memory for it. */
  room(): FrameRoom | undefined;
}

/** The port. */
export interface FrameSink {
  readonly modes: SinkModes;
  /**
   * A guest begins to play. Throws `SourceBusyError` while another does, and `NoMemoryError` if there is no memory for the frames.
   */
  start(picture: PlayedPicture): SinkStream;
}
