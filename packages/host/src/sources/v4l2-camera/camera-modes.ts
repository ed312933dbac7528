// SPDX-License-Identifier: Apache-2.0
import {
  type Fraction,
  formatInfo,
  hasInterval,
  hasSize,
  type PictureSize,
  type SourceIntervals,
  type SourceModes,
  type SourceSizes,
  V4L2_PIX_FMT_YUYV,
} from '@paravideo/core';
import type { CameraDescription, DescribedFormat } from './camera-messages.ts';

const NONE: SourceIntervals = { kind: 'discrete', intervals: [{ numerator: 1, denominator: 30 }] };

/** What a camera that was never seen is expected to have: what every webcam has. */
export const EXPECTED: Omit<CameraDescription, 'card'> = {
  driver: '',
  formats: [
    {
      fourcc: V4L2_PIX_FMT_YUYV,
      sizes: { kind: 'discrete', sizes: [{ width: 640, height: 480 }] },
      rates: [{ width: 640, height: 480, intervals: NONE }],
    },
  ],
  size: { width: 640, height: 480 },
  interval: { numerator: 1, denominator: 30 },
  colorimetry: { colorspace: 0, ycbcrEnc: 0, quantization: 0, xferFunc: 0 },
  controls: [],
  values: new Map(),
};

/**
 * A camera's own modes, for devices. Raw formats come first, in the camera's own order: a program that takes the first format can
 * show it. The size is the one that the camera is in.
 */
export function cameraModes(description: CameraDescription, card: string): SourceModes {
  const coded = ({ fourcc }: DescribedFormat): boolean => formatInfo(fourcc)?.model === 'coded';
  const formats = [...description.formats.filter((format) => !coded(format)), ...description.formats.filter(coded)];
  const [first] = formats;
  const find = (fourcc: number): DescribedFormat | undefined => formats.find((format) => format.fourcc === fourcc);
  const defaultSize = usualSize(first?.sizes, description.size);
  const intervals = (fourcc: number, width: number, height: number): SourceIntervals => {
    const rates = find(fourcc)?.rates ?? [];
    return (rates.find((each) => each.width === width && each.height === height) ?? rates[0])?.intervals ?? NONE;
  };
  return {
    card,
    formats: formats.map(({ fourcc }) => fourcc),
    defaultSize,
    defaultInterval: usualInterval(intervals(first?.fourcc ?? 0, defaultSize.width, defaultSize.height), description.interval),
    colorimetry: description.colorimetry,
    sizes: (fourcc) => find(fourcc)?.sizes ?? { kind: 'discrete', sizes: [] },
    intervals,
  };
}

function usualSize(sizes: SourceSizes | undefined, current: PictureSize): PictureSize {
  if (sizes === undefined || hasSize(sizes, current)) return current;
  return sizes.kind === 'discrete' ? (sizes.sizes[0] ?? current) : { width: sizes.range.maxWidth, height: sizes.range.maxHeight };
}

function usualInterval(intervals: SourceIntervals, current: Fraction): Fraction {
  if (hasInterval(intervals, current)) return current;
  return intervals.kind === 'discrete' ? (intervals.intervals[0] ?? current) : intervals.min;
}
