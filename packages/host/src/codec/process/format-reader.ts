// SPDX-License-Identifier: Apache-2.0
/** What a decoded frame, and the decoder that it came from, say about the stream's format. */
import type { Rect } from '@paravideo/core';
import type { CropFinder } from '../../av/cropping.ts';
import type { Av, AvFrame } from '../../av/node-av.ts';

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

type CodecContext = InstanceType<Av['CodecContext']>;

/** Reads the format from a frame that has the coded size. */
export function formatOfFrame(av: Av, context: CodecContext, frame: AvFrame, crop: CropFinder): FoundFormat {
  const aspect = frame.sampleAspectRatio;
  const known = aspect.num > 0 && aspect.den > 0;
  return {
    codedWidth: frame.width,
    codedHeight: frame.height,
    visible: crop.visible(frame),
    ...coloursOf(av, frame),
    aspectNumerator: known ? aspect.num : 1,
    aspectDenominator: known ? aspect.den : 1,
    interlaced: (frame.flags & av.constants.AV_FRAME_FLAG_INTERLACED) !== 0,
    reorder: Math.max(0, context.hasBFrames),
    profile: context.profile,
    level: context.level,
  };
}

interface FrameColours {
  readonly primaries: number;
  readonly transfer: number;
  readonly matrix: number;
  readonly range: number;
}

/** The colours of what a frame becomes in a buffer, as H.273 has them. */
function coloursOf(av: Av, frame: AvFrame): FrameColours {
  const c = av.constants;
  const { colorPrimaries: primaries, colorTrc: transfer, colorSpace: matrix, colorRange } = frame;
  const name = av.avGetPixFmtName(frame.format as typeof c.AV_PIX_FMT_YUV420P) ?? '';
  // Pictures that are coded as RGB are converted, and the converter makes this of them.
  if (/^(gbr|rgb|bgr|argb|abgr|0rgb|0bgr|xyz|pal8)/.test(name))
    return { primaries, transfer, matrix: c.AVCOL_SPC_SMPTE170M, range: c.AVCOL_RANGE_MPEG };
  return { primaries, transfer, matrix, range: name.startsWith('yuvj') ? c.AVCOL_RANGE_JPEG : colorRange };
}

/** True if two formats differ in colours or in the shape of a pixel: the same buffers do, but G_FMT says something else. */
export function appearanceChanged(a: FoundFormat, b: FoundFormat): boolean {
  return (
    a.primaries !== b.primaries ||
    a.transfer !== b.transfer ||
    a.matrix !== b.matrix ||
    a.range !== b.range ||
    a.aspectNumerator !== b.aspectNumerator ||
    a.aspectDenominator !== b.aspectDenominator
  );
}

/**
 * True if a format needs other buffers than another one, or shows another part of them: what V4L2 calls a source change.
 * Colours alone are none.
 */
export function formatChanged(before: FoundFormat, now: FoundFormat): boolean {
  if (now.codedWidth !== before.codedWidth || now.codedHeight !== before.codedHeight) return true;
  const [a, b] = [before.visible, now.visible];
  return a.left !== b.left || a.top !== b.top || a.width !== b.width || a.height !== b.height;
}
