// SPDX-License-Identifier: Apache-2.0
import {
  type Colorimetry,
  V4L2_COLORSPACE_BT2020,
  V4L2_COLORSPACE_DCI_P3,
  V4L2_COLORSPACE_REC709,
  V4L2_COLORSPACE_SMPTE240M,
  V4L2_YCBCR_ENC_709,
  V4L2_YCBCR_ENC_BT2020,
  V4L2_YCBCR_ENC_DEFAULT,
  V4L2_YCBCR_ENC_SMPTE240M,
  V4L2_YCBCR_ENC_XV709,
} from '@paravideo/core';

/** AVCOL_SPC_* */
const [BT709, SMPTE170M, SMPTE240M, BT2020] = [1, 6, 7, 9] as const;

/** FFmpeg's number of what Y'CbCr means in these colours, by V4L2's rule for what is not said. */
export function matrixOf({ colorspace, ycbcrEnc }: Colorimetry): number {
  switch (ycbcrEnc) {
    case V4L2_YCBCR_ENC_DEFAULT:
      return matrixOfSpace(colorspace);
    case V4L2_YCBCR_ENC_709:
    case V4L2_YCBCR_ENC_XV709:
      return BT709;
    case V4L2_YCBCR_ENC_BT2020:
      return BT2020;
    case V4L2_YCBCR_ENC_SMPTE240M:
      return SMPTE240M;
    default:
      return SMPTE170M;
  }
}

function matrixOfSpace(colorspace: number): number {
  switch (colorspace) {
    case V4L2_COLORSPACE_REC709:
    case V4L2_COLORSPACE_DCI_P3:
      return BT709;
    case V4L2_COLORSPACE_BT2020:
      return BT2020;
    case V4L2_COLORSPACE_SMPTE240M:
      return SMPTE240M;
    default:
      return SMPTE170M;
  }
}
