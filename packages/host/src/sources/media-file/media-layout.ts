// SPDX-License-Identifier: Apache-2.0
/** V4L2 formats of a media file's pictures, in FFmpeg's names and order of planes. */
import {
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
import { RAW_PICTURES } from './media-messages.ts';

const NAMES: ReadonlyMap<number, (typeof RAW_PICTURES)[number]> = new Map([
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

/** Formats that a media file is converted to, preferred one first. */
export const MEDIA_FORMATS: readonly number[] = [...NAMES.keys()];

/** A layout in the numbers of an `open` message; `slot` says where each memory plane begins. Undefined for a format that is not in MEDIA_FORMATS. */
export function mediaLayout(
  layout: PictureLayout,
  slot: readonly { readonly offset: number }[],
): { readonly format: number; readonly fullRange: boolean; readonly planes: readonly number[] } | undefined {
  const name = NAMES.get(layout.fourcc);
  if (name === undefined) return undefined;
  const colours = [...layout.colours];
  // V lies before U here.
  if (layout.fourcc === V4L2_PIX_FMT_YVU420) colours.push(...colours.splice(1, 1));
  const planes = colours.flatMap(({ buffer, offset, stride, rows, lineBytes }) => [
    (slot[buffer]?.offset ?? 0) + offset,
    stride,
    rows,
    lineBytes,
  ]);
  return { format: RAW_PICTURES.indexOf(name), fullRange: formatInfo(layout.fourcc)?.model === 'rgb', planes };
}
