// SPDX-License-Identifier: Apache-2.0
/** Where the colour planes of a picture go in a V4L2 layout, as plain numbers that can be sent to another process. */
import {
  type PictureLayout,
  V4L2_PIX_FMT_NV12,
  V4L2_PIX_FMT_NV12M,
  V4L2_PIX_FMT_YUV420,
  V4L2_PIX_FMT_YUV420M,
} from '@paravideo/core';

/** One colour plane: `stride` bytes a line, at `offset` of memory plane `memory`. */
export interface PlanePlace {
  readonly memory: number;
  readonly offset: number;
  readonly stride: number;
}

/** A 4:2:0 picture in memory: luma and one plane of UV pairs, or luma, U and V. */
export interface PictureGeometry {
  readonly width: number;
  readonly height: number;
  readonly planes: readonly PlanePlace[];
  /** bytes that a picture takes in each memory plane */
  readonly sizes: readonly number[];
}

/** Raw formats that pictures are decoded to, preferred one first. */
export const DECODED_FORMATS: readonly number[] = [
  V4L2_PIX_FMT_NV12,
  V4L2_PIX_FMT_YUV420,
  V4L2_PIX_FMT_NV12M,
  V4L2_PIX_FMT_YUV420M,
];

/** The colour planes of a layout; undefined for a format that is not in `DECODED_FORMATS`, or a layout that is not whole. */
export function pictureGeometry(layout: PictureLayout): PictureGeometry | undefined {
  if (!DECODED_FORMATS.includes(layout.fourcc)) return undefined;
  const { colours } = layout;
  const sizes: number[] = layout.sizes.map(() => 0);
  for (const { buffer, offset, stride, rows, lineBytes } of colours) {
    if (stride < lineBytes || sizes[buffer] === undefined) return undefined;
    sizes[buffer] = Math.max(sizes[buffer], offset + stride * rows);
  }
  if (colours.length === 0 || sizes.some((size, i) => size > (layout.sizes[i] ?? 0))) return undefined;
  const planes = colours.map(({ buffer, offset, stride }) => ({ memory: buffer, offset, stride }));
  return { width: layout.width, height: layout.height, planes, sizes };
}
