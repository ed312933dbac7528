// SPDX-License-Identifier: Apache-2.0
/**
 * Makes pictures of one layout out of pictures of another, somewhere else than on the event loop. It is for frames of raw formats from
 * sources that are trusted: what parses foreign data is a source of its own.
 */
import type { Colorimetry, PictureLayout } from '../picture/index.ts';
import type { CapturedFrame } from './capture.ts';
import type { Frame } from './frame-source.ts';

/** The pictures of one layout, made out of those of another. */
export interface Conversion {
  /**
   * Makes the picture of a frame, which the caller holds until this resolves. Undefined: there is no memory for it now, or it could not
   * be made. Pictures come in the order in which they were asked for. Never rejects.
   */
  convert(frame: Frame): Promise<CapturedFrame | undefined>;
  /** No more pictures. Those that are not released yet stay valid; none is being made. */
  close(): void;
}

/** The port. */
export interface Converter {
  /** V4L2 pixel formats that it reads, and makes; preferred ones first. Y'CbCr has limited range in all of them, RGB full range */
  readonly formats: readonly number[];
  /**
   * Begins to make pictures; `colours` are those of both, but for what is said of the range. A picture of another shape stands in the
   * middle, with black beside it. Throws `NoMemoryError` if there is no memory for them.
   */
  open(from: PictureLayout, to: PictureLayout, colours: Colorimetry): Conversion;
}
