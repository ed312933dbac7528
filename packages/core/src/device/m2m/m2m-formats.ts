// SPDX-License-Identifier: Apache-2.0
import type { Fraction, Rect } from '../../picture/index.ts';
import type { QueueFormat, RequestedFormat } from '../../v4l2/index.ts';

/** The smallest and largest pictures of a codec, in pixels. */
export interface PictureBounds {
  readonly minWidth: number;
  readonly minHeight: number;
  readonly maxWidth: number;
  readonly maxHeight: number;
}

/** A codec as the format ioctls show it. */
export interface M2mCodec {
  /** V4L2 pixel format of the coded stream */
  readonly fourcc: number;
  readonly description: string;
  readonly capability: PictureBounds;
  /** V4L2 pixel formats of its pictures, preferred first */
  readonly rawFormats: readonly number[];
}

/**
 * The formats of a codec session by role, not by direction: coded is OUTPUT of a decoder and CAPTURE of an encoder. The coded side
 * is the master: setting it resets the raw one (dev-decoder and dev-encoder, "Commit Points").
 */
export interface M2mFormats {
  /** every codec of the device */
  readonly codecs: readonly M2mCodec[];
  /** the one that the coded queue is set to */
  readonly codec: M2mCodec;
  /** V4L2_FMT_FLAG_* of coded formats beside COMPRESSED */
  readonly codedFlags: number;
  readonly coded: QueueFormat;
  readonly raw: QueueFormat;
  /** width to height of a pixel */
  readonly pixelAspect: Fraction;
  /** the nearest format, and nothing changed */
  tryCoded(asked: RequestedFormat): QueueFormat;
  tryRaw(asked: RequestedFormat): QueueFormat;
  setCoded(asked: RequestedFormat): QueueFormat;
  setRaw(asked: RequestedFormat): QueueFormat;
  /** The rectangle of a V4L2_SEL_TGT_* of the raw queue; undefined: EINVAL. */
  selection(target: number): Rect | undefined;
  /** The rectangle nearest to the one asked for; undefined where it can't be set: EINVAL. */
  nearestSelection(target: number, asked: Rect): Rect | undefined;
}
