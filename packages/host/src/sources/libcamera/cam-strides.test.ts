// SPDX-License-Identifier: Apache-2.0
import { pictureLayout, V4L2_PIX_FMT_NV12, V4L2_PIX_FMT_RGB24, V4L2_PIX_FMT_YUV420 } from '@paravideo/core';
import { describe, expect, it } from 'vitest';
import { camStrides } from './cam-strides.ts';

const layout = (fourcc: number) => {
  const made = pictureLayout(fourcc, 100, 80);
  if (made === undefined) throw new Error('no layout');
  return made;
};

describe('the rows of a frame of libcamera', () => {
  it.each([
    ['RGB24 without padding', V4L2_PIX_FMT_RGB24, [300 * 80], [300]],
    ['RGB24 padded', V4L2_PIX_FMT_RGB24, [320 * 80], [320]],
    ['NV12 in two planes', V4L2_PIX_FMT_NV12, [128 * 80, 128 * 40], [128, 128]],
    ['NV12 in one plane', V4L2_PIX_FMT_NV12, [128 * 120], [128, 128]],
    ['YU12 in three planes', V4L2_PIX_FMT_YUV420, [128 * 80, 64 * 40, 64 * 40], [128, 64, 64]],
    ['YU12 in one plane', V4L2_PIX_FMT_YUV420, [128 * 120], [128, 64, 64]],
  ])('are told by the length of planes: %s', (_title, fourcc, lengths, strides) => {
    expect(camStrides(layout(fourcc), lengths)).toEqual(strides);
  });

  it.each([
    ['of half a row', V4L2_PIX_FMT_RGB24, [300 * 80 + 7]],
    ['too short', V4L2_PIX_FMT_RGB24, [300 * 79]],
    ['of another number of planes', V4L2_PIX_FMT_YUV420, [8000, 4000]],
    ['of rows with more padding than can be dropped', V4L2_PIX_FMT_RGB24, [1_000_000 * 80]],
  ])('cannot be told of a plane %s', (_title, fourcc, lengths) => {
    expect(camStrides(layout(fourcc), lengths)).toBeUndefined();
  });
});
