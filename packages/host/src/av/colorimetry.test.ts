// SPDX-License-Identifier: Apache-2.0
import {
  V4L2_COLORSPACE_JPEG,
  V4L2_COLORSPACE_REC709,
  V4L2_QUANTIZATION_LIM_RANGE,
  V4L2_XFER_FUNC_709,
  V4L2_YCBCR_ENC_709,
} from '@paravideo/core';
import { describe, expect, it } from 'vitest';
import { v4l2Colorimetry, v4l2Level, v4l2Profile } from './index.ts';

describe('the translation into V4L2 of what a stream says about itself', () => {
  it('knows Rec. 709', () => {
    expect(v4l2Colorimetry('h264', { primaries: 1, transfer: 1, matrix: 1, range: 1 })).toEqual({
      colorspace: V4L2_COLORSPACE_REC709,
      ycbcrEnc: V4L2_YCBCR_ENC_709,
      quantization: V4L2_QUANTIZATION_LIM_RANGE,
      xferFunc: V4L2_XFER_FUNC_709,
    });
  });

  it('leaves out values that are unspecified, unknown or nonsense', () => {
    for (const value of [0, 2, 3, 99, -1, 255]) {
      expect(v4l2Colorimetry('hevc', { primaries: value, transfer: value, matrix: value === 0 ? 2 : value, range: 0 })).toEqual({
        colorspace: 0,
        ycbcrEnc: 0,
        quantization: 0,
        xferFunc: 0,
      });
    }
  });

  it('takes Motion JPEG that says nothing of its colours for JFIF', () => {
    expect(v4l2Colorimetry('mjpeg', { primaries: 2, transfer: 2, matrix: 5, range: 2 }).colorspace).toBe(V4L2_COLORSPACE_JPEG);
  });

  it('knows the profiles and levels that V4L2 has names for', () => {
    expect([v4l2Profile('h264', 100), v4l2Level('h264', 41)]).toEqual([4, 12]);
    expect([v4l2Profile('h264', 578), v4l2Level('h264', 9)]).toEqual([1, 1]);
    expect([v4l2Profile('hevc', 2), v4l2Level('hevc', 123)]).toEqual([2, 6]);
    expect([v4l2Profile('vp9', 2), v4l2Level('vp9', 1)]).toEqual([2, undefined]);
    expect([v4l2Profile('mpeg2', 4), v4l2Level('mpeg2', 8)]).toEqual([1, 1]);
    expect([v4l2Profile('mjpeg', 192), v4l2Profile('hevc', -99)]).toEqual([undefined, undefined]);
  });
});
