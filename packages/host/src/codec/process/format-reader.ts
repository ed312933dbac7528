// SPDX-License-Identifier: Apache-2.0
/** What a decoded frame, and the decoder that it came from, say about the stream's format. */
import type { Rect } from '@paravideo/core';
import type { CropFinder } from '../../av/cropping.ts';
import type { Av } from '../../av/node-av.ts';

/** A stream's format in FFmpeg's numbers. */
export interface FoundFormat {
  readonly codedWidth: number;
  readonly codedHeight: number;
  readonly visible: Rect;
  readonly primaries: number;
  readonly transfer: number;
  readonly matrix: number;
  readonly range: number;
  readonly aspectNumerator: number;
  readonly aspectDenominator: number;
  readonly interlaced: boolean;
  /** pictures that may come between a picture's decoding and its turn */
  readonly reorder: number;
  readonly profile: number;
  readonly level: number;
}

type Frame = InstanceType<Av['Frame']>;
type Context = InstanceType<Av['CodecContext']>;

/** Reads the format from a frame that has the coded size. */
export function readFormat(av: Av, context: Context, frame: Frame, crop: CropFinder): FoundFormat {
  const aspect = frame.sampleAspectRatio;
  const known = aspect.num > 0 && aspect.den > 0;
  const fullRange = frame.format === av.constants.AV_PIX_FMT_YUVJ420P;
  return {
    codedWidth: frame.width,
    codedHeight: frame.height,
    visible: crop.visible(frame),
    primaries: frame.colorPrimaries,
    transfer: frame.colorTrc,
    matrix: frame.colorSpace,
    range: fullRange ? av.constants.AVCOL_RANGE_JPEG : frame.colorRange,
    aspectNumerator: known ? aspect.num : 1,
    aspectDenominator: known ? aspect.den : 1,
    interlaced: (frame.flags & av.constants.AV_FRAME_FLAG_INTERLACED) !== 0,
    reorder: Math.max(0, context.hasBFrames),
    profile: context.profile,
    level: context.level,
  };
}

/**
 * True if a frame of the coded size needs other buffers than those of `format`, or shows another part of them: what V4L2
 * calls a source change. Colours alone are none.
 */
export function formatChanged(format: FoundFormat, frame: Frame, crop: CropFinder): boolean {
  if (frame.width !== format.codedWidth || frame.height !== format.codedHeight) return true;
  const { left, top, width, height } = crop.visible(frame);
  const before = format.visible;
  return left !== before.left || top !== before.top || width !== before.width || height !== before.height;
}
