// SPDX-License-Identifier: Apache-2.0
/**
 * Pixel formats. A raw format is a list of colour planes. Each is `width / hsub` samples of `bytes` bytes wide and
 * `height / vsub` high, both rounded up, so that odd sizes of 4:2:0 pictures keep their last column and row.
 */
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
  V4L2_PIX_FMT_NV16,
  V4L2_PIX_FMT_NV16M,
  V4L2_PIX_FMT_NV21,
  V4L2_PIX_FMT_NV24,
  V4L2_PIX_FMT_P010,
  V4L2_PIX_FMT_RGB24,
  V4L2_PIX_FMT_RGBX32,
  V4L2_PIX_FMT_UYVY,
  V4L2_PIX_FMT_VP8,
  V4L2_PIX_FMT_VP9,
  V4L2_PIX_FMT_XBGR32,
  V4L2_PIX_FMT_Y10,
  V4L2_PIX_FMT_YUV420,
  V4L2_PIX_FMT_YUV420M,
  V4L2_PIX_FMT_YUV422P,
  V4L2_PIX_FMT_YUV444M,
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
/** Luma, then both chroma components in one plane; `bytes` a component. */
const SEMI_PLANAR = (hsub = 2, vsub = 2, bytes = 1): readonly PlaneSampling[] => [
  { bytes, hsub: 1, vsub: 1 },
  { bytes: 2 * bytes, hsub, vsub },
];
/** Luma, then each chroma component in a plane of its own. */
const PLANAR = (hsub = 2, vsub = 2): readonly PlaneSampling[] => [
  { bytes: 1, hsub: 1, vsub: 1 },
  { bytes: 1, hsub, vsub },
  { bytes: 1, hsub, vsub },
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
  raw(V4L2_PIX_FMT_NV12, 'Y/UV 4:2:0', SEMI_PLANAR()),
  raw(V4L2_PIX_FMT_NV12M, 'Y/UV 4:2:0 (N-C)', SEMI_PLANAR(), 'yuv', 2),
  raw(V4L2_PIX_FMT_YUV420, 'Planar YUV 4:2:0', PLANAR()),
  raw(V4L2_PIX_FMT_YUV420M, 'Planar YUV 4:2:0 (N-C)', PLANAR(), 'yuv', 3),
  raw(V4L2_PIX_FMT_YVU420, 'Planar YVU 4:2:0', PLANAR()),
  raw(V4L2_PIX_FMT_NV21, 'Y/VU 4:2:0', SEMI_PLANAR()),
  raw(V4L2_PIX_FMT_P010, '10-bit Y/UV 4:2:0', SEMI_PLANAR(2, 2, 2)),
  raw(V4L2_PIX_FMT_NV16, 'Y/UV 4:2:2', SEMI_PLANAR(2, 1)),
  raw(V4L2_PIX_FMT_NV16M, 'Y/UV 4:2:2 (N-C)', SEMI_PLANAR(2, 1), 'yuv', 2),
  raw(V4L2_PIX_FMT_YUV422P, 'Planar YUV 4:2:2', PLANAR(2, 1)),
  raw(V4L2_PIX_FMT_NV24, 'Y/UV 4:4:4', SEMI_PLANAR(1, 1)),
  raw(V4L2_PIX_FMT_YUV444M, 'Planar YUV 4:4:4 (N-C)', PLANAR(1, 1), 'yuv', 3),
  raw(V4L2_PIX_FMT_YUYV, 'YUYV 4:2:2', PACKED(4, 2)),
  raw(V4L2_PIX_FMT_UYVY, 'UYVY 4:2:2', PACKED(4, 2)),
  raw(V4L2_PIX_FMT_RGB24, '24-bit RGB 8-8-8', PACKED(3), 'rgb'),
  raw(V4L2_PIX_FMT_BGR24, '24-bit BGR 8-8-8', PACKED(3), 'rgb'),
  raw(V4L2_PIX_FMT_XBGR32, '32-bit BGRX 8-8-8-8', PACKED(4), 'rgb'),
  raw(V4L2_PIX_FMT_RGBX32, '32-bit RGBX 8-8-8-8', PACKED(4), 'rgb'),
  raw(V4L2_PIX_FMT_GREY, '8-bit Greyscale', PACKED(1), 'grey'),
  raw(V4L2_PIX_FMT_Y10, '10-bit Greyscale', PACKED(2), 'grey'),
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
