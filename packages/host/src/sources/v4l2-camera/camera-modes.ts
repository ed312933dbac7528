// SPDX-License-Identifier: Apache-2.0
import {
  compareFractions,
  type Fraction,
  formatInfo,
  hasSize,
  nearestInterval,
  nearestSize,
  type PictureSize,
  type SourceIntervals,
  type SourceModes,
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
 * show it. Whoever asks for nothing gets the largest picture up to 1280x720 that comes fluently, at 30 a second or what is next
 * below that; not the mode in which some other program has left the camera.
 */
export function cameraModes(description: CameraDescription, card: string): SourceModes {
  const coded = ({ fourcc }: DescribedFormat): boolean => formatInfo(fourcc)?.model === 'coded';
  const formats = [...description.formats.filter((format) => !coded(format)), ...description.formats.filter(coded)];
  const [first] = formats;
  const find = (fourcc: number): DescribedFormat | undefined => formats.find((format) => format.fourcc === fourcc);
  const intervals = (fourcc: number, width: number, height: number): SourceIntervals => {
    const rates = find(fourcc)?.rates ?? [];
    return (rates.find((each) => each.width === width && each.height === height) ?? rates[0])?.intervals ?? NONE;
  };
  const defaultSize = usualSize(first, description.size);
  return {
    card,
    formats: formats.map(({ fourcc }) => fourcc),
    defaultSize,
    defaultInterval: usualInterval(intervals(first?.fourcc ?? 0, defaultSize.width, defaultSize.height)),
    colorimetry: description.colorimetry,
    sizes: (fourcc) => find(fourcc)?.sizes ?? { kind: 'discrete', sizes: [] },
    intervals,
  };
}

/** Pixels of a picture that is asked for by nobody, at most. */
const USUAL_AREA = 1280 * 720;
const FLUENT: Fraction = { numerator: 1, denominator: 24 };
const USUAL: Fraction = { numerator: 1, denominator: 30 };

function usualSize(format: DescribedFormat | undefined, current: PictureSize): PictureSize {
  if (format === undefined) return current;
  const { sizes, rates } = format;
  if (sizes.kind === 'stepwise') return hasSize(sizes, current) ? current : nearestSize(sizes, { width: 1280, height: 720 });
  const area = ({ width, height }: PictureSize): number => width * height;
  const fluent = rates.filter(({ intervals }) => compareFractions(fastest(intervals), FLUENT) <= 0);
  const [best] = fluent.filter((size) => area(size) <= USUAL_AREA).toSorted((a, b) => area(b) - area(a));
  const { width, height } = best ?? (hasSize(sizes, current) ? current : (sizes.sizes[0] ?? current));
  return { width, height };
}

function usualInterval(intervals: SourceIntervals): Fraction {
  if (intervals.kind === 'continuous') return nearestInterval(intervals, USUAL);
  const slower = intervals.intervals.filter((each) => compareFractions(each, USUAL) >= 0);
  return slower.toSorted(compareFractions)[0] ?? nearestInterval(intervals, USUAL);
}

function fastest(intervals: SourceIntervals): Fraction {
  return intervals.kind === 'continuous' ? intervals.min : (intervals.intervals.toSorted(compareFractions)[0] ?? USUAL);
}
