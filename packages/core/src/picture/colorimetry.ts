// SPDX-License-Identifier: Apache-2.0
import {
  V4L2_COLORSPACE_BT878,
  V4L2_COLORSPACE_DCI_P3,
  V4L2_COLORSPACE_DEFAULT,
  V4L2_COLORSPACE_JPEG,
  V4L2_COLORSPACE_RAW,
  V4L2_COLORSPACE_SMPTE170M,
  V4L2_COLORSPACE_SRGB,
  V4L2_QUANTIZATION_FULL_RANGE,
  V4L2_QUANTIZATION_LIM_RANGE,
  V4L2_XFER_FUNC_SMPTE2084,
  V4L2_XFER_FUNC_SRGB,
  V4L2_YCBCR_ENC_601,
  V4L2_YCBCR_ENC_SMPTE240M,
  V4L2_YCBCR_ENC_SYCC,
} from './picture-constants.gen.ts';

/** What the colours mean: the numbers of V4L2_COLORSPACE_*, V4L2_YCBCR_ENC_*, V4L2_QUANTIZATION_*, V4L2_XFER_FUNC_*; 0 is "default". */
export interface Colorimetry {
  readonly colorspace: number;
  readonly ycbcrEnc: number;
  readonly quantization: number;
  readonly xferFunc: number;
}

/** What JPEG means where nobody says otherwise (V4L2 documentation, "Colorspace V4L2_COLORSPACE_JPEG"). */
export const JPEG_COLOURS: Colorimetry = { colorspace: V4L2_COLORSPACE_JPEG, ycbcrEnc: 0, quantization: 0, xferFunc: 0 };

/**
 * Colorimetry of which V4L2 knows every number. What it does not know becomes the default, the colour space sRGB; obsolete
 * numbers become what they stand for, and V4L2_COLORSPACE_JPEG its definition in full, which means the same and may stand
 * with every pixel format (V4L2 documentation, "Detailed Colorspace Descriptions").
 */
export function validColorimetry(asked: Colorimetry): Colorimetry {
  const within = (value: number, last: number) => (value <= last ? value : 0);
  const ycbcrEnc = within(asked.ycbcrEnc, V4L2_YCBCR_ENC_SMPTE240M);
  const rest = {
    ycbcrEnc: ycbcrEnc === V4L2_YCBCR_ENC_SYCC ? V4L2_YCBCR_ENC_601 : ycbcrEnc,
    quantization: within(asked.quantization, V4L2_QUANTIZATION_LIM_RANGE),
    xferFunc: within(asked.xferFunc, V4L2_XFER_FUNC_SMPTE2084),
  };
  switch (asked.colorspace) {
    case V4L2_COLORSPACE_JPEG:
      return {
        colorspace: V4L2_COLORSPACE_SRGB,
        ycbcrEnc: rest.ycbcrEnc || V4L2_YCBCR_ENC_601,
        quantization: rest.quantization || V4L2_QUANTIZATION_FULL_RANGE,
        xferFunc: rest.xferFunc || V4L2_XFER_FUNC_SRGB,
      };
    case V4L2_COLORSPACE_BT878:
      return { colorspace: V4L2_COLORSPACE_SMPTE170M, ...rest };
    case V4L2_COLORSPACE_DEFAULT:
    case V4L2_COLORSPACE_RAW:
      return { colorspace: V4L2_COLORSPACE_SRGB, ...rest };
    default:
      return { colorspace: asked.colorspace <= V4L2_COLORSPACE_DCI_P3 ? asked.colorspace : V4L2_COLORSPACE_SRGB, ...rest };
  }
}
