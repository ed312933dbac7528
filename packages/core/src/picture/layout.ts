// SPDX-License-Identifier: Apache-2.0
/**
 * How a picture lies in memory: the one place that computes strides, offsets and sizes. Each colour plane says where it lies,
 * so nobody else derives anything; what protocols say of planes (V4L2's `bytesperline` and `sizeimage`) is written out of this.
 */
import { roundUp } from '../base/index.ts';
import { type FormatInfo, formatInfo, type PlaneSampling } from './formats.ts';

/** One colour plane in memory: the luma, the pairs of chroma, all of a packed picture. Coded data is one plane without lines. */
export interface ColourPlane {
  /** index of the buffer in which it lies; V4L2's word for these buffers is memory planes */
  readonly buffer: number;
  /** its first byte, counted from the beginning of the buffer */
  readonly offset: number;
  /** bytes from one line to the next; 0 for coded data */
  readonly stride: number;
  /** lines that hold samples; what is between them and the next plane, or the end of the buffer, is padding */
  readonly rows: number;
  /** bytes of samples in each line; the rest of it is padding */
  readonly lineBytes: number;
}

/** A picture of one format and size in memory. */
export interface PictureLayout {
  /** V4L2 pixel format, a 32-bit number */
  readonly fourcc: number;
  /** pixels */
  readonly width: number;
  /** pixels */
  readonly height: number;
  /** in the order of memory; in a format of several buffers each has one of its own */
  readonly colours: readonly ColourPlane[];
  /** bytes that each buffer must hold; coded data takes any number up to that */
  readonly sizes: readonly number[];
}

/** Largest width and height in pixels: keeps every product far below 2^53 and a picture below 2^32. */
export const MAX_DIMENSION = 16384;
/** Bytes by which a line may be longer than its samples: alignment to any page is granted, waste of memory is not. */
export const MAX_LINE_PADDING = 4096;
/** Bytes of a coded buffer if nobody says how many: what one picture may take at the most in practice. */
export const MIN_CODED_SIZE = 1024 * 1024;

/**
 * The layout of a `width` x `height` picture. `stride` asks for a longer line in the first colour plane, the others follow in
 * proportion; what is too short or too long is corrected, and lines of subsampled formats hold whole groups of pixels, so that
 * chroma strides are exact at odd widths. For coded formats the size is a guess at the largest picture. Undefined for an unknown format or a
 * size outside 1 to `MAX_DIMENSION`.
 */
export function pictureLayout(fourcc: number, width: number, height: number, stride?: number): PictureLayout | undefined {
  const info = formatInfo(fourcc);
  if (info === undefined || !validSize(width) || !validSize(height)) return undefined;
  const [luma] = info.colourPlanes;
  if (luma === undefined) return codedLayout(fourcc, width, height, codedSize(width, height));
  const unit = lineUnit(info);
  const least = roundUp(bytesOfLine(luma, width), unit);
  const asked = roundUp(stride ?? 0, unit);
  const first = Math.min(Math.max(asked, least), least + MAX_LINE_PADDING);
  const strides = info.colourPlanes.map((_, i) => colourStride(info, i, width, first));
  return placed(info, width, height, strides);
}

/** What planes are padded to. */
export interface PlaneAlignment {
  /** bytes: the stride of the first colour plane is a multiple of it */
  readonly stride: number;
  /** lines: the first colour plane has room for a multiple of it */
  readonly height: number;
  /** bytes: in a buffer of several colour planes, each begins at a multiple of it */
  readonly plane: number;
}

/**
 * The smallest layout of a `width` x `height` picture that is aligned so. Undefined for an unknown or coded format, a size
 * outside 1 to `MAX_DIMENSION`, or a first stride to which those of the other planes cannot be in proportion.
 */
export function alignedLayout(fourcc: number, width: number, height: number, align: PlaneAlignment): PictureLayout | undefined {
  const info = formatInfo(fourcc);
  const luma = info?.colourPlanes[0];
  if (info === undefined || luma === undefined || !validSize(width) || !validSize(height)) return undefined;
  const first = roundUp(bytesOfLine(luma, width), align.stride);
  if (first % lineUnit(info) !== 0) return undefined;
  const strides = info.colourPlanes.map((_, i) => colourStride(info, i, width, first));
  return placed(info, width, height, strides, roundUp(height, align.height), align.plane);
}

/**
 * Bytes that are enough for a coded picture of this size. Three quarters of the raw picture: no sensible coded picture is
 * larger, and a larger one may continue in the next buffer.
 */
export function codedSize(width: number, height: number): number {
  return Math.max(MIN_CODED_SIZE, Math.ceil((width * height * 3) / 4));
}

/** The layout of coded pictures: one plane, any number of bytes up to `size`. */
export function codedLayout(fourcc: number, width: number, height: number, size: number): PictureLayout {
  return { fourcc, width, height, colours: [{ buffer: 0, offset: 0, stride: 0, rows: 0, lineBytes: 0 }], sizes: [size] };
}

/**
 * The layout of a picture of which somebody else says the stride of the first colour plane and the size in bytes of each
 * buffer, as V4L2 devices do: the other planes follow from that. Of a format that is not known, each buffer is one plane.
 */
export function toldLayout(
  fourcc: number,
  width: number,
  height: number,
  strides: readonly number[],
  sizes: readonly number[],
): PictureLayout {
  const info = formatInfo(fourcc);
  if (info === undefined || info.model === 'coded' || info.memoryPlanes !== sizes.length) {
    const colours = sizes.map((_, buffer): ColourPlane => {
      const stride = strides[buffer] ?? 0;
      return { buffer, offset: 0, stride, rows: stride === 0 ? 0 : height, lineBytes: stride };
    });
    return { fourcc, width, height, colours, sizes };
  }
  const own = info.colourPlanes.map((_, i) =>
    info.memoryPlanes > 1 ? (strides[i] ?? 0) : colourStride(info, i, width, strides[0] ?? 0),
  );
  return { ...placed(info, width, height, own), sizes };
}

/** True if all colour planes of a known format are there, each inside its buffer, with lines that have room for their samples. */
export function isWhole({ fourcc, colours, sizes }: PictureLayout): boolean {
  const planes = formatInfo(fourcc)?.colourPlanes.length;
  if (planes === undefined || colours.length !== Math.max(1, planes)) return false;
  return colours.every(
    ({ buffer, offset, stride, rows, lineBytes }) => stride >= lineBytes && offset + stride * rows <= (sizes[buffer] ?? -1),
  );
}

/** True if a picture of the layout fits into memory of these lengths, one for each buffer. */
export function fitsInto({ sizes }: PictureLayout, memory: readonly { readonly length: number }[]): boolean {
  return memory.length === sizes.length && sizes.every((size, i) => (memory[i]?.length ?? 0) >= size);
}

/** Colour planes with these strides one behind the other, or each in a buffer of its own; the first has room for `lines` lines. */
function placed(
  info: FormatInfo,
  width: number,
  height: number,
  strides: readonly number[],
  lines = height,
  planeAlign = 1,
): PictureLayout {
  const sizes: number[] = [];
  const colours = info.colourPlanes.map((plane, i): ColourPlane => {
    const buffer = info.memoryPlanes > 1 ? i : 0;
    const offset = roundUp(sizes[buffer] ?? 0, planeAlign);
    const stride = strides[i] ?? 0;
    sizes[buffer] = offset + stride * Math.ceil(lines / plane.vsub);
    return { buffer, offset, stride, rows: Math.ceil(height / plane.vsub), lineBytes: bytesOfLine(plane, width) };
  });
  return { fourcc: info.fourcc, width, height, colours, sizes };
}

/** Bytes of the first colour plane's line that the other planes have a whole number of samples to; 1 where there are none. */
function lineUnit({ colourPlanes: [luma, chroma] }: FormatInfo): number {
  return luma === undefined || chroma === undefined ? 1 : (luma.bytes * chroma.hsub) / luma.hsub;
}

/**
 * Stride of colour plane `index` when the first one's is `first`, in proportion to the bytes of a pixel: semi-planar chroma
 * lines of 4:2:0 are as long as luma lines, planar ones half as long; never shorter than their samples (V4L2 documentation,
 * "YUV formats").
 */
function colourStride(info: FormatInfo, index: number, width: number, first: number): number {
  const [luma] = info.colourPlanes;
  const plane = info.colourPlanes[index];
  if (plane === undefined || luma === undefined) return 0;
  if (index === 0) return first;
  const inProportion = (first * plane.bytes * luma.hsub) / (plane.hsub * luma.bytes);
  return Math.max(Math.ceil(inProportion), bytesOfLine(plane, width));
}

function bytesOfLine(plane: PlaneSampling, width: number): number {
  return Math.ceil(width / plane.hsub) * plane.bytes;
}

function validSize(value: number): boolean {
  return Number.isInteger(value) && value >= 1 && value <= MAX_DIMENSION;
}
