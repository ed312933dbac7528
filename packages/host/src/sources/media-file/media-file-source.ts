// SPDX-License-Identifier: Apache-2.0
import { basename } from 'node:path';
import {
  type Capture,
  type Clock,
  type Colorimetry,
  type Fit,
  type Fraction,
  NO_CONTROLS,
  nearestInRange,
  type PictureSize,
  type SizeRange,
  SourceError,
  V4L2_COLORSPACE_REC709,
  V4L2_COLORSPACE_SMPTE170M,
  V4L2_QUANTIZATION_DEFAULT,
  V4L2_XFER_FUNC_709,
  V4L2_YCBCR_ENC_601,
  V4L2_YCBCR_ENC_709,
} from '@paravideo/core';
import { AV_INSTALL_COMMAND, AvError, avInstalled, v4l2Colorimetry } from '../../av/index.ts';
import { LinuxClock } from '../../clock/index.ts';
import type { Log } from '../../log/index.ts';
import { PacedCapture } from '../paced-capture.ts';
import { RAW_FORMATS } from '../scaling/raw-pictures.ts';
import { openFilm } from './film-file.ts';
import { AVCOL_SPC_BT709, filmMatrix, type MediaFileInfo, MediaProcess } from './media-process.ts';

/** How a media file is shown. */
export interface MediaFileOptions {
  readonly log?: Log;
  /** name of the camera; the file's name */
  readonly card?: string;
  /** how it is shown in pictures of another shape; contain */
  readonly fit?: Fit;
  /** paces the frames; CLOCK_MONOTONIC */
  readonly clock?: Clock;
  /** frames of one layout that may be filling or lent at one time, 1 or more; 8 */
  readonly slots?: number;
}

/** Sizes that a media file is scaled to. */
export const SIZES: SizeRange = { minWidth: 16, maxWidth: 4096, stepWidth: 2, minHeight: 16, maxHeight: 2160, stepHeight: 2 };

/** Rates that it is shown at. */
export const INTERVALS = { min: { numerator: 1, denominator: 120 }, max: { numerator: 1, denominator: 1 } } as const;

const SILENT: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

/**
 * A camera that shows a media file, or a picture, over and over: its video stream in a process of its own that sees
 * nothing but the file, decoded once, scaled and converted once for each layout that somebody streams. Resolves when the
 * first picture is decoded. Rejects with SourceError, with the reason and what to do, for a file that cannot be read or
 * shown, and AvError (missing) where the codec library is not installed.
 */
export async function openMediaFile(path: string, o: MediaFileOptions = {}): Promise<Capture> {
  if (!avInstalled())
    throw new AvError('missing', `showing ${path} needs the codec library node-av; install it with: ${AV_INSTALL_COMMAND}`);
  const renderer = new MediaProcess({ file: openFilm(path), fit: o.fit ?? 'contain', log: o.log ?? SILENT });
  const info = await renderer.ready;
  if (typeof info === 'string') {
    await renderer.close();
    throw new SourceError(`${path} cannot be shown: ${info}`);
  }
  const clock = o.clock ?? new LinuxClock();
  return new PacedCapture({
    modes: {
      card: o.card ?? basename(path),
      formats: RAW_FORMATS,
      defaultSize: shownSize(displaySize(info)),
      defaultInterval: defaultInterval(info),
      colorimetry: colorimetry(info),
      sizes: () => ({ kind: 'stepwise', range: SIZES }),
      intervals: () => ({ kind: 'continuous', ...INTERVALS }),
    },
    controls: NO_CONTROLS,
    clock,
    renderer,
    name: 'paravideo-media',
    ...(o.slots === undefined ? {} : { slots: o.slots }),
  });
}

/** The size of the film, scaled into what can be made where it is too large or too small: in its shape, if any size has that. */
export function shownSize(film: PictureSize): PictureSize {
  const most = Math.min(1, SIZES.maxWidth / film.width, SIZES.maxHeight / film.height);
  const scale = Math.max(most, SIZES.minWidth / film.width, SIZES.minHeight / film.height);
  const { width, height } = film;
  // Sides of films are even already, all but a few: what is odd loses a line.
  const even = (side: number): number => 2 * Math.floor((side * scale) / 2 + 1e-6);
  return nearestInRange(SIZES, { width: even(width), height: even(height) });
}

/** The size of a film whose pixels are made squares, the narrower way round. */
export function displaySize(
  info: Pick<MediaFileInfo, 'width' | 'height' | 'aspectNumerator' | 'aspectDenominator'>,
): PictureSize {
  const aspect = info.aspectNumerator / info.aspectDenominator;
  const { width, height } = info;
  return aspect > 1 ? { width: Math.round(width * aspect), height } : { width, height: Math.round(height / aspect) };
}

/** The film's own interval; 1/30 s for a picture. */
function defaultInterval(info: MediaFileInfo): Fraction {
  const { intervalNumerator: numerator, intervalDenominator: denominator } = info;
  const seconds = numerator / denominator;
  if (info.still === 1 || seconds < 1 / 120 || seconds > 1) return { numerator: 1, denominator: 30 };
  return { numerator, denominator };
}

/** Limited range, what `filmMatrix` says, and the film's own primaries and transfer, which stay as they are. */
export function colorimetry(info: Pick<MediaFileInfo, 'primaries' | 'transfer' | 'matrix'>): Colorimetry {
  const rec709 = filmMatrix(info) === AVCOL_SPC_BT709;
  const said = v4l2Colorimetry('h264', { ...info, range: 0 });
  return {
    colorspace: said.colorspace || (rec709 ? V4L2_COLORSPACE_REC709 : V4L2_COLORSPACE_SMPTE170M),
    ycbcrEnc: rec709 ? V4L2_YCBCR_ENC_709 : V4L2_YCBCR_ENC_601,
    quantization: V4L2_QUANTIZATION_DEFAULT,
    xferFunc: said.xferFunc || V4L2_XFER_FUNC_709,
  };
}
