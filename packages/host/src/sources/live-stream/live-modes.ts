// SPDX-License-Identifier: Apache-2.0
import { type Fraction, type PictureSize, type SourceModes, V4L2_PIX_FMT_YUV420 } from '@paravideo/core';
import { colorimetry, displaySize, shownSize } from '../media-file/media-file-source.ts';
import type { LiveReport } from './live-messages.ts';

/** What the process found in the stream. */
export type LiveInfo = Omit<Extract<LiveReport, { kind: 'info' }>, 'kind' | 'rest'>;

/** Seconds per frame of what a camera can be told: the ends of it are a hundred years of film and a fast one. */
const MAX_RATE = 240;

/** What a stream is taken for until it has been seen. */
export function expectedModes(card: string, { width, height }: PictureSize, fps: number): SourceModes {
  const interval = Number.isInteger(fps)
    ? { numerator: 1, denominator: fps }
    : { numerator: 1000, denominator: Math.round(fps * 1000) };
  return modesOf(card, { width, height }, interval, { primaries: 2, transfer: 2, matrix: 2 });
}

/** The modes of a stream that was seen: its own size, upright and with square pixels, at its own rate. */
export function liveModes(card: string, info: LiveInfo, expected: Fraction): SourceModes {
  const { intervalNumerator: numerator, intervalDenominator: denominator } = info;
  const rate = denominator / numerator;
  const said = rate > 0 && rate <= MAX_RATE && rate >= 1 / 60;
  return modesOf(card, shownSize(displaySize(info)), said ? { numerator, denominator } : expected, info);
}

function modesOf(
  card: string,
  size: PictureSize,
  interval: Fraction,
  colours: Pick<LiveInfo, 'primaries' | 'transfer' | 'matrix'>,
): SourceModes {
  return {
    card,
    formats: [V4L2_PIX_FMT_YUV420],
    defaultSize: size,
    defaultInterval: interval,
    colorimetry: colorimetry(colours),
    sizes: () => ({ kind: 'discrete', sizes: [size] }),
    intervals: () => ({ kind: 'discrete', intervals: [interval] }),
  };
}
