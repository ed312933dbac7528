// SPDX-License-Identifier: Apache-2.0
/** Where the colour planes of a decoded 4:2:0 picture go in a V4L2 layout. */
import {
  type PictureLayout,
  V4L2_PIX_FMT_NV12,
  V4L2_PIX_FMT_NV12M,
  V4L2_PIX_FMT_YUV420,
  V4L2_PIX_FMT_YUV420M,
} from '@paravideo/core';

/** One colour plane: `stride` bytes a line, at `offset` of memory plane `memory`. */
export interface ColourPlane {
  readonly memory: number;
  readonly offset: number;
  readonly stride: number;
}

/** A 4:2:0 picture in memory: luma and one plane of UV pairs, or luma, U and V. */
export interface PictureGeometry {
  readonly width: number;
  readonly height: number;
  readonly planes: readonly ColourPlane[];
  /** bytes that a picture takes in each memory plane */
  readonly sizes: readonly number[];
}

/** Raw formats that pictures are decoded to, preferred one first. */
export const DECODED_FORMATS: readonly number[] = [V4L2_PIX_FMT_NV12, V4L2_PIX_FMT_YUV420, V4L2_PIX_FMT_NV12M, V4L2_PIX_FMT_YUV420M];

/** The colour planes of a layout; undefined for a format that is not in `DECODED_FORMATS`, or a layout that is not whole. */
export function pictureGeometry(layout: PictureLayout): PictureGeometry | undefined {
  const { width, height, planes } = layout;
  const stride = planes[0]?.bytesPerLine ?? 0;
  const luma: ColourPlane = { memory: 0, offset: 0, stride };
  const lumaSize = stride * height;
  const lines = Math.ceil(height / 2);
  const half = Math.ceil(stride / 2);
  const second = planes[1]?.bytesPerLine ?? 0;
  const third = planes[2]?.bytesPerLine ?? 0;
  switch (layout.fourcc) {
    case V4L2_PIX_FMT_NV12:
      return whole(layout, [luma, { memory: 0, offset: lumaSize, stride }], [lumaSize + stride * lines]);
    case V4L2_PIX_FMT_NV12M:
      return whole(layout, [luma, { memory: 1, offset: 0, stride: second }], [lumaSize, second * lines]);
    case V4L2_PIX_FMT_YUV420:
      return whole(
        layout,
        [luma, { memory: 0, offset: lumaSize, stride: half }, { memory: 0, offset: lumaSize + half * lines, stride: half }],
        [lumaSize + 2 * half * lines],
      );
    case V4L2_PIX_FMT_YUV420M:
      return whole(
        layout,
        [luma, { memory: 1, offset: 0, stride: second }, { memory: 2, offset: 0, stride: third }],
        [lumaSize, second * lines, third * lines],
      );
    default:
      return undefined;
  }

  function whole(of: PictureLayout, colour: ColourPlane[], sizes: number[]): PictureGeometry | undefined {
    const chromaBytes = colour.length === 2 ? 2 * Math.ceil(width / 2) : Math.ceil(width / 2);
    const wide = colour.every((plane, i) => plane.stride >= (i === 0 ? width : chromaBytes));
    const fits = of.planes.length === sizes.length && sizes.every((size, i) => size <= (of.planes[i]?.sizeImage ?? 0));
    return width > 0 && height > 0 && wide && fits ? { width, height, planes: colour, sizes } : undefined;
  }
}
