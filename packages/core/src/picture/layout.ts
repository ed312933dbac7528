// SPDX-License-Identifier: Apache-2.0
/** How a picture lies in memory. Everything is computed in one place, `picture/formats.ts`; producers only follow it. */

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
