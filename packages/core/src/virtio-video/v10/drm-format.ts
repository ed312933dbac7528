// SPDX-License-Identifier: Apache-2.0
/**
 * Pixel formats by DRM's codes, which virtio-video v10 uses (<drm/drm_fourcc.h>). DRM names the components of packed RGB from
 * the most significant bit of a little-endian word down, V4L2 by their bytes in memory, so some names are turned round. Grey
 * is a single component there, called red.
 */
import {
  fourcc,
  V4L2_PIX_FMT_BGR24,
  V4L2_PIX_FMT_GREY,
  V4L2_PIX_FMT_NV12,
  V4L2_PIX_FMT_NV12M,
  V4L2_PIX_FMT_NV16,
  V4L2_PIX_FMT_NV16M,
  V4L2_PIX_FMT_NV21,
  V4L2_PIX_FMT_NV24,
  V4L2_PIX_FMT_P010,
  V4L2_PIX_FMT_RGB24,
  V4L2_PIX_FMT_RGBX32,
  V4L2_PIX_FMT_UYVY,
  V4L2_PIX_FMT_XBGR32,
  V4L2_PIX_FMT_Y10,
  V4L2_PIX_FMT_YUV420,
  V4L2_PIX_FMT_YUV420M,
  V4L2_PIX_FMT_YUV422P,
  V4L2_PIX_FMT_YUV444M,
  V4L2_PIX_FMT_YUYV,
  V4L2_PIX_FMT_YVU420,
} from '../../picture/index.ts';

const CODES: ReadonlyMap<number, number> = new Map(
  (
    [
      [V4L2_PIX_FMT_NV12, 'NV12'],
      [V4L2_PIX_FMT_NV12M, 'NV12'],
      [V4L2_PIX_FMT_YUV420, 'YU12'],
      [V4L2_PIX_FMT_YUV420M, 'YU12'],
      [V4L2_PIX_FMT_YVU420, 'YV12'],
      [V4L2_PIX_FMT_NV21, 'NV21'],
      [V4L2_PIX_FMT_P010, 'P010'],
      [V4L2_PIX_FMT_NV16, 'NV16'],
      [V4L2_PIX_FMT_NV16M, 'NV16'],
      [V4L2_PIX_FMT_YUV422P, 'YU16'],
      [V4L2_PIX_FMT_NV24, 'NV24'],
      [V4L2_PIX_FMT_YUV444M, 'YU24'],
      [V4L2_PIX_FMT_YUYV, 'YUYV'],
      [V4L2_PIX_FMT_UYVY, 'UYVY'],
      [V4L2_PIX_FMT_RGB24, 'BG24'],
      [V4L2_PIX_FMT_BGR24, 'RG24'],
      [V4L2_PIX_FMT_XBGR32, 'XR24'],
      [V4L2_PIX_FMT_RGBX32, 'XB24'],
      [V4L2_PIX_FMT_GREY, 'R8'],
      [V4L2_PIX_FMT_Y10, 'R10'],
    ] as const
  ).map(([format, code]) => [format, fourcc(code)]),
);

/** DRM's code of a raw V4L2 pixel format, whatever the number of its buffers; undefined if it has none. */
export function drmFormat(format: number): number | undefined {
  return CODES.get(format);
}
