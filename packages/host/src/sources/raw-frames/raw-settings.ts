// SPDX-License-Identifier: Apache-2.0
/** What a configuration says of a source of raw frames, beside where they come from. */
import { type Fraction, fourcc, type PictureSize, V4L2_PIX_FMT_YUV420 } from '@paravideo/core';
import { z } from 'zod';
import { MAX_SIDE, MIN_SIDE, type RawPicture, unfitFormat } from './raw-picture.ts';

/** How the frames lie in the stream. */
export const STREAM_FORMATS = ['y4m', 'frames'] as const;

const size = z
  .string()
  .regex(/^\d{1,5}x\d{1,5}$/, 'must look like 1280x720')
  .refine(
    (text) => text.split('x').every((side) => Number(side) >= MIN_SIDE && Number(side) <= MAX_SIDE),
    `must lie between ${MIN_SIDE}x${MIN_SIDE} and ${MAX_SIDE}x${MAX_SIDE}`,
  );

const pixelFormat = z
  .string()
  .regex(/^[ -~]{1,4}$/, 'must be a format of V4L2 by its four characters, such as YU12')
  .superRefine((code, context) => {
    const unfit = unfitFormat(fourcc(code));
    if (unfit !== undefined) context.addIssue({ code: 'custom', message: `${code} ${unfit}` });
  });

/** The fields of every source of raw frames. */
export const RAW_SETTINGS = {
  format: z.enum(STREAM_FORMATS).optional(),
  lossless: z.boolean().optional(),
  size: size.optional(),
  fps: z.number().min(1).max(120).optional(),
  'pixel-format': pixelFormat.optional(),
};

/** Those fields as they are checked; every one of them may be missing. */
export interface RawSettings {
  readonly format?: (typeof STREAM_FORMATS)[number] | undefined;
  readonly lossless?: boolean | undefined;
  readonly size?: string | undefined;
  readonly fps?: number | undefined;
  readonly 'pixel-format'?: string | undefined;
}

/** What a camera is until its producer has said what its frames are. */
export function expectedPicture(settings: RawSettings): RawPicture {
  const [width = 1280, height = 720] = settings.size?.split('x').map(Number) ?? [];
  const code = settings['pixel-format'];
  const fps = settings.fps ?? 30;
  return {
    fourcc: code === undefined ? V4L2_PIX_FMT_YUV420 : fourcc(code),
    width,
    height,
    interval: Number.isInteger(fps)
      ? { numerator: 1, denominator: fps }
      : { numerator: 1000, denominator: Math.round(fps * 1000) },
    fullRange: false,
  };
}

/** Size and rate that are written, of a camera that was never seen. */
export function writtenPicture(settings: RawSettings): { size?: PictureSize; interval?: Fraction } {
  const { width, height, interval } = expectedPicture(settings);
  return {
    ...(settings.size === undefined ? {} : { size: { width, height } }),
    ...(settings.fps === undefined ? {} : { interval }),
  };
}
