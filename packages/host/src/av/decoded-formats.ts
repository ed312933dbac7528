// SPDX-License-Identifier: Apache-2.0
import {
  isWhole,
  type PictureLayout,
  V4L2_PIX_FMT_NV12,
  V4L2_PIX_FMT_NV12M,
  V4L2_PIX_FMT_YUV420,
  V4L2_PIX_FMT_YUV420M,
} from '@paravideo/core';

/** Raw formats that pictures are decoded to, preferred one first. */
export const DECODED_FORMATS: readonly number[] = [
  V4L2_PIX_FMT_NV12,
  V4L2_PIX_FMT_YUV420,
  V4L2_PIX_FMT_NV12M,
  V4L2_PIX_FMT_YUV420M,
];

/** True if pictures can be decoded to the layout: its format is one of `DECODED_FORMATS`, and its planes lie inside their buffers. */
export function takesDecoded(layout: PictureLayout): boolean {
  return DECODED_FORMATS.includes(layout.fourcc) && isWhole(layout);
}
