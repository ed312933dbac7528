// SPDX-License-Identifier: Apache-2.0
/** What the frames of a producer are: its format, size and rate, as they become the modes of a camera. */
import {
  codedSize,
  type Fraction,
  formatInfo,
  fourccName,
  type PictureLayout,
  pictureLayout,
  type SourceModes,
  V4L2_COLORSPACE_SMPTE170M,
  V4L2_COLORSPACE_SRGB,
  V4L2_PIX_FMT_MJPEG,
  V4L2_QUANTIZATION_DEFAULT,
  V4L2_QUANTIZATION_FULL_RANGE,
  V4L2_XFER_FUNC_709,
  V4L2_YCBCR_ENC_601,
} from '@paravideo/core';
import { ProducerFault } from './producer-fault.ts';

/** See the top of the file. */
export interface RawPicture {
  /** V4L2 pixel format, a number */
  readonly fourcc: number;
  readonly width: number;
  readonly height: number;
  /** seconds per frame */
  readonly interval: Fraction;
  /** Y'CbCr of full range */
  readonly fullRange: boolean;
}

/** Pixels of a side. */
export const MIN_SIDE = 16;
/** Pixels of a side. */
export const MAX_SIDE = 8192;
/** Frames a second. */
export const MAX_RATE = 1000;
/** Seconds per frame. */
export const MAX_INTERVAL = 60;

const REMEDY = 'have the producer scale it, or send another format';

/** Why a format cannot come in raw frames; undefined: it can. Coded ones whose frames need each other cannot, since frames are dropped. */
export function unfitFormat(fourcc: number): string | undefined {
  const info = formatInfo(fourcc);
  if (info === undefined) return 'is not known here';
  if (info.memoryPlanes > 1) return 'has several memory planes: send its twin of one plane';
  if (info.model === 'coded' && fourcc !== V4L2_PIX_FMT_MJPEG) return 'is coded from frame to frame: send MJPG, or pixels';
  return undefined;
}

/** The picture, if it is one that can be shown. Throws `ProducerFault`. */
export function checkedPicture(picture: RawPicture): RawPicture {
  const { fourcc, width, height, interval } = picture;
  const unfit = unfitFormat(fourcc);
  if (unfit !== undefined) throw new ProducerFault(`the format ${fourccName(fourcc)} ${unfit}`);
  const sides = [width, height];
  if (sides.some((side) => !Number.isInteger(side) || side < MIN_SIDE || side > MAX_SIDE)) {
    throw new ProducerFault(
      `frames of ${width}x${height}: a side has ${MIN_SIDE} to ${MAX_SIDE} pixels; have the producer scale them`,
    );
  }
  const seconds = interval.numerator / interval.denominator;
  if (!(seconds >= 1 / MAX_RATE && seconds <= MAX_INTERVAL)) {
    throw new ProducerFault(
      `${interval.denominator}/${interval.numerator} frames a second: at most ${MAX_RATE}, and one in ${MAX_INTERVAL} s; ${REMEDY}`,
    );
  }
  return picture;
}

/** True if both are the same in everything. */
export function samePicture(a: RawPicture, b: RawPicture): boolean {
  const sameInterval = a.interval.numerator * b.interval.denominator === b.interval.numerator * a.interval.denominator;
  return a.fourcc === b.fourcc && a.width === b.width && a.height === b.height && a.fullRange === b.fullRange && sameInterval;
}

/** For the log. */
export function describePicture({ fourcc, width, height, interval }: RawPicture): string {
  return `${fourccName(fourcc)} ${width}x${height}, ${Number((interval.denominator / interval.numerator).toFixed(3))} fps`;
}

/** Bytes of a frame without any padding; of a coded one, the most that it may have. */
export function frameBytes({ fourcc, width, height }: Pick<RawPicture, 'fourcc' | 'width' | 'height'>): number {
  if (isCoded(fourcc)) return codedSize(width, height);
  return layoutOf({ fourcc, width, height }).colours.reduce((sum, { rows, lineBytes }) => sum + rows * lineBytes, 0);
}

/** True if frames of the format are as long as they happen to be. */
export const isCoded = (fourcc: number): boolean => formatInfo(fourcc)?.model === 'coded';

function layoutOf({ fourcc, width, height }: Pick<RawPicture, 'fourcc' | 'width' | 'height'>): PictureLayout {
  const layout = pictureLayout(fourcc, width, height);
  if (layout === undefined) throw new ProducerFault(`there is no picture of ${width}x${height} in ${fourccName(fourcc)}`);
  return layout;
}

/** A camera that brings these frames and no others. */
export function rawModes(card: string, { fourcc, width, height, interval, fullRange }: RawPicture): SourceModes {
  const size = { width, height };
  const model = formatInfo(fourcc)?.model;
  const plain = { ycbcrEnc: 0, quantization: 0, xferFunc: 0 };
  return {
    card,
    formats: [fourcc],
    defaultSize: size,
    defaultInterval: interval,
    colorimetry:
      model === 'rgb' || model === 'coded'
        ? { colorspace: V4L2_COLORSPACE_SRGB, ...plain }
        : {
            colorspace: V4L2_COLORSPACE_SMPTE170M,
            ycbcrEnc: V4L2_YCBCR_ENC_601,
            quantization: fullRange ? V4L2_QUANTIZATION_FULL_RANGE : V4L2_QUANTIZATION_DEFAULT,
            xferFunc: V4L2_XFER_FUNC_709,
          },
    sizes: () => ({ kind: 'discrete', sizes: [size] }),
    intervals: () => ({ kind: 'discrete', intervals: [interval] }),
  };
}
