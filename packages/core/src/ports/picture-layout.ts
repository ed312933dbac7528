// SPDX-License-Identifier: Apache-2.0
/** How a picture lies in memory. Everything is computed in one place, `v4l2/formats.ts`; producers only follow it. */

/** One memory plane. `bytesPerLine` is 0 for coded formats. */
export interface PlaneLayout {
  readonly bytesPerLine: number;
  readonly sizeImage: number;
}

/**
 * A picture format with its memory: `fourcc` is the V4L2 pixel format (a 32-bit number), `planes` one entry per memory
 * plane (NV12: 1, NM12: 2). In a one-plane format the colour planes follow each other, chroma strides derived from
 * `bytesPerLine` as V4L2 defines them.
 */
export interface PictureLayout {
  readonly fourcc: number;
  readonly width: number;
  readonly height: number;
  readonly planes: readonly PlaneLayout[];
}

/** A rectangle in pixels. */
export interface Rect {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** What the colours mean: the numbers of V4L2_COLORSPACE_*, V4L2_YCBCR_ENC_*, V4L2_QUANTIZATION_*, V4L2_XFER_FUNC_*; 0 is "default". */
export interface Colorimetry {
  readonly colorspace: number;
  readonly ycbcrEnc: number;
  readonly quantization: number;
  readonly xferFunc: number;
}

/** A fraction; intervals are in seconds. */
export interface Fraction {
  readonly numerator: number;
  readonly denominator: number;
}

/** From `min` to `max` in steps. `step` 0 or min = max: one value. */
export interface SizeRange {
  readonly minWidth: number;
  readonly maxWidth: number;
  readonly stepWidth: number;
  readonly minHeight: number;
  readonly maxHeight: number;
  readonly stepHeight: number;
}
