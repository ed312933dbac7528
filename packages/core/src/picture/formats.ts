// SPDX-License-Identifier: Apache-2.0
/**
 * Pixel formats and how their pictures lie in memory: the one place that computes planes, strides and sizes.
 *
 * A raw format is a list of colour planes. Each is `width / hsub` samples of `bytes` bytes wide and `height / vsub` high, both
 * rounded up, so that odd sizes of 4:2:0 pictures keep their last column and row. In a format of one memory plane the
 * colour planes follow each other, and their strides derive from the first one's (V4L2 documentation, "YUV formats").
 */
import { roundUp } from '../base/index.ts';
import type { PictureLayout, PlaneLayout } from './layout.ts';
import {
  V4L2_PIX_FMT_AV1,
  V4L2_PIX_FMT_BGR24,
  V4L2_PIX_FMT_GREY,
  V4L2_PIX_FMT_H264,
  V4L2_PIX_FMT_HEVC,
  V4L2_PIX_FMT_MJPEG,
  V4L2_PIX_FMT_MPEG2,
  V4L2_PIX_FMT_NV12,
  V4L2_PIX_FMT_NV12M,
  V4L2_PIX_FMT_NV21,
  V4L2_PIX_FMT_RGB24,
  V4L2_PIX_FMT_RGBX32,
  V4L2_PIX_FMT_UYVY,
  V4L2_PIX_FMT_VP8,
  V4L2_PIX_FMT_VP9,
  V4L2_PIX_FMT_XBGR32,
  V4L2_PIX_FMT_YUV420,
  V4L2_PIX_FMT_YUV420M,
  V4L2_PIX_FMT_YUYV,
  V4L2_PIX_FMT_YVU420,
} from './picture-constants.gen.ts';

/** One colour plane of a raw format. */
export interface PlaneSampling {
  /** bytes of one sample (or of one group of samples that lie together) */
  readonly bytes: number;
  /** columns of the picture that one sample covers */
  readonly hsub: number;
  /** rows of the picture that one sample covers */
  readonly vsub: number;
}

/** What colours a format holds; decides the default colorimetry. */
export type ColourModel = 'yuv' | 'rgb' | 'grey' | 'coded';

/** One pixel format. */
export interface FormatInfo {
  readonly fourcc: number;
  /** as in VIDIOC_ENUM_FMT, at most 31 bytes */
  readonly description: string;
  readonly model: ColourModel;
  /** colour planes of a raw format, in the order of memory; empty for coded formats */
  readonly colourPlanes: readonly PlaneSampling[];
  /** memory planes: 1, or as many as colour planes (the formats with M in their name) */
  readonly memoryPlanes: number;
  /** a coded format whose stream says its size by itself, and may change it */
  readonly sizeInStream: boolean;
}

const PACKED = (bytes: number, hsub = 1): readonly PlaneSampling[] => [{ bytes, hsub, vsub: 1 }];
const SEMI_PLANAR: readonly PlaneSampling[] = [
  { bytes: 1, hsub: 1, vsub: 1 },
  { bytes: 2, hsub: 2, vsub: 2 },
];
const PLANAR: readonly PlaneSampling[] = [
  { bytes: 1, hsub: 1, vsub: 1 },
  { bytes: 1, hsub: 2, vsub: 2 },
  { bytes: 1, hsub: 2, vsub: 2 },
];

function raw(
  fourcc: number,
  description: string,
  colourPlanes: readonly PlaneSampling[],
  model: ColourModel = 'yuv',
  memoryPlanes = 1,
): FormatInfo {
  return { fourcc, description, model, colourPlanes, memoryPlanes, sizeInStream: false };
}

function coded(fourcc: number, description: string, sizeInStream = true): FormatInfo {
  return { fourcc, description, model: 'coded', colourPlanes: [], memoryPlanes: 1, sizeInStream };
}

/** Every format that Paravideo knows. Descriptions are those of the V4L2 core. */
export const FORMATS: readonly FormatInfo[] = [
  raw(V4L2_PIX_FMT_NV12, 'Y/UV 4:2:0', SEMI_PLANAR),
  raw(V4L2_PIX_FMT_NV12M, 'Y/UV 4:2:0 (N-C)', SEMI_PLANAR, 'yuv', 2),
  raw(V4L2_PIX_FMT_YUV420, 'Planar YUV 4:2:0', PLANAR),
  raw(V4L2_PIX_FMT_YUV420M, 'Planar YUV 4:2:0 (N-C)', PLANAR, 'yuv', 3),
  raw(V4L2_PIX_FMT_YVU420, 'Planar YVU 4:2:0', PLANAR),
  raw(V4L2_PIX_FMT_NV21, 'Y/VU 4:2:0', SEMI_PLANAR),
  raw(V4L2_PIX_FMT_YUYV, 'YUYV 4:2:2', PACKED(4, 2)),
  raw(V4L2_PIX_FMT_UYVY, 'UYVY 4:2:2', PACKED(4, 2)),
  raw(V4L2_PIX_FMT_RGB24, '24-bit RGB 8-8-8', PACKED(3), 'rgb'),
  raw(V4L2_PIX_FMT_BGR24, '24-bit BGR 8-8-8', PACKED(3), 'rgb'),
  raw(V4L2_PIX_FMT_XBGR32, '32-bit BGRX 8-8-8-8', PACKED(4), 'rgb'),
  raw(V4L2_PIX_FMT_RGBX32, '32-bit RGBX 8-8-8-8', PACKED(4), 'rgb'),
  raw(V4L2_PIX_FMT_GREY, '8-bit Greyscale', PACKED(1), 'grey'),
  coded(V4L2_PIX_FMT_MJPEG, 'Motion-JPEG', false),
  coded(V4L2_PIX_FMT_H264, 'H.264'),
  coded(V4L2_PIX_FMT_HEVC, 'HEVC'),
  coded(V4L2_PIX_FMT_VP8, 'VP8'),
  coded(V4L2_PIX_FMT_VP9, 'VP9'),
  coded(V4L2_PIX_FMT_AV1, 'AV1'),
  coded(V4L2_PIX_FMT_MPEG2, 'MPEG-2 ES'),
];

const BY_FOURCC: ReadonlyMap<number, FormatInfo> = new Map(FORMATS.map((info) => [info.fourcc, info]));

/** The format of a pixel format number; undefined if unknown. */
export function formatInfo(fourcc: number): FormatInfo | undefined {
  return BY_FOURCC.get(fourcc);
}

/** Largest width and height in pixels: keeps every product far below 2^53 and a picture below 2^32. */
export const MAX_DIMENSION = 16384;
/** Bytes by which a line may be longer than its samples: alignment to any page is granted, waste of memory is not. */
export const MAX_LINE_PADDING = 4096;
/** Bytes of a coded buffer if nobody says how many: what one picture may take at the most in practice. */
export const MIN_CODED_SIZE = 1024 * 1024;

function bytesOfLine(plane: PlaneSampling, width: number): number {
  return Math.ceil(width / plane.hsub) * plane.bytes;
}

/**
 * Stride of colour plane `index` when the first one's is `first`. Semi-planar chroma lines are as long as luma lines, planar
 * ones half as long; never shorter than their samples.
 */
export function colourStride(info: FormatInfo, index: number, width: number, first: number): number {
  const plane = info.colourPlanes[index];
  if (plane === undefined) return 0;
  if (index === 0) return first;
  return Math.max(Math.ceil((first * plane.bytes) / plane.hsub), bytesOfLine(plane, width));
}

/** Where one colour plane lies: memory plane `plane`, from byte `offset`, `rows` lines of `lineBytes` bytes every `stride` bytes. */
export interface ColourPlaneLayout {
  readonly plane: number;
  readonly offset: number;
  readonly stride: number;
  readonly rows: number;
  readonly lineBytes: number;
}

/** Colour planes of a raw layout in the order of memory; empty for coded formats. */
export function colourPlanes(layout: PictureLayout): readonly ColourPlaneLayout[] {
  const info = formatInfo(layout.fourcc);
  if (info === undefined) return [];
  let offset = 0;
  return info.colourPlanes.map((colour, i) => {
    const plane = info.memoryPlanes > 1 ? i : 0;
    const first = layout.planes[0]?.bytesPerLine ?? 0;
    const stride = info.memoryPlanes > 1 ? (layout.planes[i]?.bytesPerLine ?? 0) : colourStride(info, i, layout.width, first);
    const rows = Math.ceil(layout.height / colour.vsub);
    const at = info.memoryPlanes > 1 ? 0 : offset;
    offset += stride * rows;
    return { plane, offset: at, stride, rows, lineBytes: bytesOfLine(colour, layout.width) };
  });
}

/**
 * The layout of a `width` x `height` picture. `bytesPerLine` asks for a longer line in the first colour plane, the others
 * follow in proportion; what is too short or too long is corrected, and lines of subsampled formats are even, so that chroma
 * strides are exact at odd widths. For coded formats `sizeImage` is a guess at the largest picture. Undefined for an unknown
 * format or a size outside 1 to `MAX_DIMENSION`.
 */
export function pictureLayout(fourcc: number, width: number, height: number, bytesPerLine?: number): PictureLayout | undefined {
  const info = formatInfo(fourcc);
  if (info === undefined || !validSize(width) || !validSize(height)) return undefined;
  const [luma] = info.colourPlanes;
  if (luma === undefined) {
    const sizeImage = Math.max(MIN_CODED_SIZE, Math.ceil((width * height * 3) / 4));
    return { fourcc, width, height, planes: [{ bytesPerLine: 0, sizeImage }] };
  }
  const unit = info.colourPlanes.length > 1 ? 2 : 1;
  const least = roundUp(bytesOfLine(luma, width), unit);
  const asked = roundUp(bytesPerLine ?? 0, unit);
  const first = Math.min(Math.max(asked, least), least + MAX_LINE_PADDING);
  const sizes = info.colourPlanes.map((plane, i): PlaneLayout => {
    const stride = colourStride(info, i, width, first);
    return { bytesPerLine: stride, sizeImage: stride * Math.ceil(height / plane.vsub) };
  });
  if (info.memoryPlanes > 1) return { fourcc, width, height, planes: sizes };
  const sizeImage = sizes.reduce((sum, plane) => sum + plane.sizeImage, 0);
  return { fourcc, width, height, planes: [{ bytesPerLine: first, sizeImage }] };
}

function validSize(value: number): boolean {
  return Number.isInteger(value) && value >= 1 && value <= MAX_DIMENSION;
}
