// SPDX-License-Identifier: Apache-2.0
/**
 * Makes pictures of one layout out of pictures of another, somewhere else than on the event loop. It is for frames of raw formats from
 * sources that are trusted: what parses foreign data is a source of its own.
 */
import type { Colorimetry, Fit, PictureLayout } from '../picture/index.ts';
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
  /** V4L2 pixel formats that it makes pictures of; preferred ones first, all of them raw */
  readonly reads: readonly number[];
  /** V4L2 pixel formats that it makes; preferred ones first, coded ones last. A coded picture is as long as it came out. */
  readonly makes: readonly number[];
  /**
   * Begins to make pictures; `colours` are those of both, but that RGB and JPEG have full range. Throws `NoMemoryError` if there
   * is no memory for them.
   * @param quality of coded pictures, 1 to 100
   * @param fit how a picture of another shape is shown; contain
   */
  open(from: PictureLayout, to: PictureLayout, colours: Colorimetry, quality: number, fit?: Fit): Conversion;
}
