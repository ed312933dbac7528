// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import {
  V4L2_COLORSPACE_BT878,
  V4L2_COLORSPACE_JPEG,
  V4L2_COLORSPACE_REC709,
  V4L2_COLORSPACE_SMPTE170M,
  V4L2_COLORSPACE_SRGB,
  validColorimetry,
} from './index.ts';

const REC709 = { colorspace: V4L2_COLORSPACE_REC709, ycbcrEnc: 2, quantization: 2, xferFunc: 1 };

describe('validColorimetry', () => {
  it('keeps what V4L2 knows', () => {
    expect(validColorimetry(REC709)).toEqual(REC709);
  });

  it('replaces nonsense by defaults', () => {
    const nonsense = { colorspace: 0xffff, ycbcrEnc: 255, quantization: 99, xferFunc: 0xffff_ffff };
    expect(validColorimetry(nonsense)).toEqual({ colorspace: V4L2_COLORSPACE_SRGB, ycbcrEnc: 0, quantization: 0, xferFunc: 0 });
  });

  it('spells out what obsolete colour spaces stand for', () => {
    const plain = { ycbcrEnc: 0, quantization: 0, xferFunc: 0 };
    expect(validColorimetry({ colorspace: V4L2_COLORSPACE_BT878, ...plain }).colorspace).toBe(V4L2_COLORSPACE_SMPTE170M);
    const jpeg = validColorimetry({ colorspace: V4L2_COLORSPACE_JPEG, ...plain });
    expect(jpeg).toEqual({ colorspace: V4L2_COLORSPACE_SRGB, ycbcrEnc: 1, quantization: 1, xferFunc: 2 });
  });
});
