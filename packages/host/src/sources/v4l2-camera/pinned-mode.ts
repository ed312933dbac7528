// SPDX-License-Identifier: Apache-2.0
/** The one mode that a configuration lets a camera be used in: `1280x720`, `1280x720@30`, `1280x720@30 MJPG`. */
import {
  type Fraction,
  fourcc,
  fourccName,
  hasInterval,
  hasSize,
  nearestInterval,
  type PictureSize,
  type SourceIntervals,
} from '@paravideo/core';
import type { CameraDescription, DescribedFormat } from './camera-messages.ts';

/** A mode; what is left out may be anything that the camera has. */
export interface PinnedMode extends PictureSize {
  /** frames per second */
  readonly fps: number | undefined;
  /** V4L2 pixel format */
  readonly fourcc: number | undefined;
}

const FORM = /^(\d{1,5})x(\d{1,5})(?:@(\d{1,3}(?:\.\d{1,3})?))?(?: ([!-~]{1,4}))?$/;

/** Undefined for a text of another form. */
export function parseMode(text: string): PinnedMode | undefined {
  const [, width, height, fps, format] = FORM.exec(text) ?? [];
  if (width === undefined || height === undefined || Number(fps ?? 1) === 0) return undefined;
  return {
    width: Number(width),
    height: Number(height),
    fps: fps === undefined ? undefined : Number(fps),
    fourcc: format === undefined ? undefined : fourcc(format),
  };
}

/** The camera with that mode alone; undefined if it has it not. */
export function pinned(description: CameraDescription, mode: PinnedMode): CameraDescription | undefined {
  const size = { width: mode.width, height: mode.height };
  const formats = description.formats.flatMap((format): DescribedFormat[] => {
    if ((mode.fourcc ?? format.fourcc) !== format.fourcc || !hasSize(format.sizes, size)) return [];
    const rates = format.rates.find(({ width, height }) => width === size.width && height === size.height) ?? format.rates[0];
    const intervals = rates === undefined ? undefined : pinnedIntervals(rates.intervals, mode.fps);
    if (intervals === undefined) return [];
    return [{ fourcc: format.fourcc, sizes: { kind: 'discrete', sizes: [size] }, rates: [{ ...size, intervals }] }];
  });
  return formats.length === 0 ? undefined : { ...description, formats, size };
}

function pinnedIntervals(intervals: SourceIntervals, fps: number | undefined): SourceIntervals | undefined {
  if (fps === undefined) return intervals;
  const asked: Fraction = { numerator: 1000, denominator: Math.round(fps * 1000) };
  const found = hasInterval(intervals, asked) ? asked : nearestInterval(intervals, asked);
  // 29.97 is 30000/1001.
  const same = Math.abs(found.denominator / found.numerator - fps) < 0.01;
  return same ? { kind: 'discrete', intervals: [found] } : undefined;
}

/** The sizes and formats that a camera has, for a person who named another. */
export function modesText({ formats }: CameraDescription): string {
  const text = ({ fourcc: format, sizes }: DescribedFormat): string => {
    const list = sizes.kind === 'discrete' ? sizes.sizes : [{ width: sizes.range.maxWidth, height: sizes.range.maxHeight }];
    const upTo = sizes.kind === 'discrete' ? '' : 'up to ';
    return `${fourccName(format)} ${upTo}${list.map(({ width, height }) => `${width}x${height}`).join(', ')}`;
  };
  return formats.map(text).join('; ');
}
