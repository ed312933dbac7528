// SPDX-License-Identifier: Apache-2.0
/** What a codec process says about pictures, checked and put into V4L2's words. */
import { type StreamFormat, V4L2_FIELD_INTERLACED, V4L2_FIELD_NONE } from '@paravideo/core';
import { MAX_PIXELS, type VideoCodec, v4l2Colorimetry, v4l2Level, v4l2Profile } from '../av/index.ts';
import { ChildProtocolError } from '../isolation/child/index.ts';
import type { CodecReport } from './codec-messages.ts';

/** V4L2 has 32 buffers a queue: more than this cannot be asked for. */
const MAX_BUFFERS = 24;

/** The V4L2 field of a picture. Throws ChildProtocolError for what is neither 0 nor 1. */
export function fieldOf(interlaced: number): number {
  if (interlaced === 0) return V4L2_FIELD_NONE;
  if (interlaced === 1) return V4L2_FIELD_INTERLACED;
  throw new ChildProtocolError(`a picture is interlaced or not, never ${interlaced}`);
}

/** The stream's format. Throws ChildProtocolError if a picture cannot be like that. */
export function streamFormat(codec: VideoCodec, report: Extract<CodecReport, { kind: 'format' }>): StreamFormat {
  const { codedWidth, codedHeight, left, top, width, height } = report;
  const sized = codedWidth > 0 && codedHeight > 0 && codedWidth * codedHeight <= MAX_PIXELS;
  const inside = left >= 0 && top >= 0 && width > 0 && height > 0 && left + width <= codedWidth && top + height <= codedHeight;
  const { aspectNumerator: numerator, aspectDenominator: denominator } = report;
  if (!sized || !inside || numerator <= 0 || denominator <= 0) {
    throw new ChildProtocolError(`no picture of ${codedWidth}x${codedHeight} shows ${width}x${height} at ${left},${top}`);
  }
  const profile = v4l2Profile(codec, report.profile);
  const level = v4l2Level(codec, report.level);
  return {
    codedWidth,
    codedHeight,
    visible: { left, top, width, height },
    colorimetry: v4l2Colorimetry(codec, report),
    minBuffers: Math.min(MAX_BUFFERS, 1 + Math.max(0, report.reorder)),
    pixelAspect: { numerator, denominator },
    field: fieldOf(report.interlaced),
    ...(profile === undefined ? {} : { profile }),
    ...(level === undefined ? {} : { level }),
  };
}
