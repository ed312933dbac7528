// SPDX-License-Identifier: Apache-2.0
/** Raw V4L2 formats as FFmpeg knows them: by name, and with their colour planes in its order. */
import {
  type ColourPlane,
  formatInfo,
  type PictureLayout,
  V4L2_PIX_FMT_BGR24,
  V4L2_PIX_FMT_GREY,
  V4L2_PIX_FMT_NV12,
  V4L2_PIX_FMT_NV12M,
  V4L2_PIX_FMT_NV21,
  V4L2_PIX_FMT_RGB24,
  V4L2_PIX_FMT_RGBX32,
  V4L2_PIX_FMT_UYVY,
  V4L2_PIX_FMT_XBGR32,
  V4L2_PIX_FMT_YUV420,
  V4L2_PIX_FMT_YUV420M,
  V4L2_PIX_FMT_YUYV,
  V4L2_PIX_FMT_YVU420,
} from '@paravideo/core';

/** Raw pictures by FFmpeg's names; their index is what travels to a process. */
export const RAW_PICTURES = ['nv12', 'nv21', 'yuv420p', 'yuyv422', 'uyvy422', 'rgb24', 'bgr24', 'bgr0', 'rgb0', 'gray'] as const;
/** One of them. */
export type RawPictureName = (typeof RAW_PICTURES)[number];

const NAMES: ReadonlyMap<number, RawPictureName> = new Map([
  [V4L2_PIX_FMT_NV12, 'nv12'],
  [V4L2_PIX_FMT_YUYV, 'yuyv422'],
  [V4L2_PIX_FMT_NV12M, 'nv12'],
  [V4L2_PIX_FMT_YUV420, 'yuv420p'],
  [V4L2_PIX_FMT_YUV420M, 'yuv420p'],
  [V4L2_PIX_FMT_YVU420, 'yuv420p'],
  [V4L2_PIX_FMT_NV21, 'nv21'],
  [V4L2_PIX_FMT_UYVY, 'uyvy422'],
  [V4L2_PIX_FMT_RGB24, 'rgb24'],
  [V4L2_PIX_FMT_BGR24, 'bgr24'],
  [V4L2_PIX_FMT_XBGR32, 'bgr0'],
  [V4L2_PIX_FMT_RGBX32, 'rgb0'],
  [V4L2_PIX_FMT_GREY, 'gray'],
]);

/** V4L2 formats that FFmpeg converts, preferred one first. */
export const RAW_FORMATS: readonly number[] = [...NAMES.keys()];

/** A layout as FFmpeg has it. */
export interface RawPicture {
  readonly name: RawPictureName;
  /** RGB has full range, all others limited range */
  readonly fullRange: boolean;
  /** in FFmpeg's order; `buffer` is still the layout's */
  readonly colours: readonly ColourPlane[];
}

/** Undefined for a format that is not one of RAW_FORMATS. */
export function rawPicture(layout: PictureLayout): RawPicture | undefined {
  const name = NAMES.get(layout.fourcc);
  if (name === undefined) return undefined;
  const colours = [...layout.colours];
  // V lies before U here.
  if (layout.fourcc === V4L2_PIX_FMT_YVU420) colours.push(...colours.splice(1, 1));
  return { name, fullRange: formatInfo(layout.fourcc)?.model === 'rgb', colours };
}
