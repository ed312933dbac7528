// SPDX-License-Identifier: Apache-2.0
/** What guests may play, and what of it a camera that shows it says. */
import {
  type Fraction,
  type PictureSize,
  type PlayedPicture,
  type SinkModes,
  type SourceModes,
  V4L2_PIX_FMT_YUV420,
} from '@paravideo/core';
import { RAW_FORMATS } from '../sources/index.ts';

/** The smallest and the largest picture, in pixels. */
export const MIN_PLAYED: PictureSize = { width: 16, height: 16 };
/** Pixels. */
export const MAX_PLAYED: PictureSize = { width: 4096, height: 2160 };
/** Frames a second. */
const MOST_RATE: Fraction = { numerator: 1, denominator: 120 };
const LEAST_RATE: Fraction = { numerator: 1, denominator: 1 };

/** Every raw format that can be converted; what encoders and YUV4MPEG2 take as it is comes first. */
const FORMATS = [V4L2_PIX_FMT_YUV420, ...RAW_FORMATS.filter((fourcc) => fourcc !== V4L2_PIX_FMT_YUV420)];

/** What a guest may choose from: any even size and any rate between these, beginning with the configured ones. */
export function playableModes(card: string, defaultSize: PictureSize, defaultInterval: Fraction): SinkModes {
  const range = {
    minWidth: MIN_PLAYED.width,
    maxWidth: MAX_PLAYED.width,
    stepWidth: 2,
    minHeight: MIN_PLAYED.height,
    maxHeight: MAX_PLAYED.height,
    stepHeight: 2,
  };
  return {
    card,
    formats: FORMATS,
    defaultSize,
    defaultInterval,
    sizes: () => ({ kind: 'stepwise', range }),
    intervals: () => ({ kind: 'continuous', min: MOST_RATE, max: LEAST_RATE }),
  };
}

/** A camera that brings what is played, and nothing else. */
export function playedModes(card: string, { layout, interval, colorimetry }: PlayedPicture): SourceModes {
  const size = { width: layout.width, height: layout.height };
  return {
    card,
    formats: [layout.fourcc],
    defaultSize: size,
    defaultInterval: interval,
    colorimetry,
    sizes: () => ({ kind: 'discrete', sizes: [size] }),
    intervals: () => ({ kind: 'discrete', intervals: [interval] }),
  };
}
