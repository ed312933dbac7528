// SPDX-License-Identifier: Apache-2.0
/**
 * What a stream says about its colours, profile and level, from FFmpeg's numbers to V4L2's. Colour primaries, transfer
 * and matrix are those of ITU-T H.273, which FFmpeg uses as they are; anything unknown becomes V4L2's "default" (0).
 */
import {
  type Colorimetry,
  V4L2_COLORSPACE_470_SYSTEM_BG,
  V4L2_COLORSPACE_470_SYSTEM_M,
  V4L2_COLORSPACE_BT2020,
  V4L2_COLORSPACE_DCI_P3,
  V4L2_COLORSPACE_DEFAULT,
  V4L2_COLORSPACE_JPEG,
  V4L2_COLORSPACE_REC709,
  V4L2_COLORSPACE_SMPTE170M,
  V4L2_COLORSPACE_SMPTE240M,
  V4L2_QUANTIZATION_DEFAULT,
  V4L2_QUANTIZATION_FULL_RANGE,
  V4L2_QUANTIZATION_LIM_RANGE,
  V4L2_XFER_FUNC_709,
  V4L2_XFER_FUNC_DEFAULT,
  V4L2_XFER_FUNC_NONE,
  V4L2_XFER_FUNC_SMPTE240M,
  V4L2_XFER_FUNC_SMPTE2084,
  V4L2_XFER_FUNC_SRGB,
  V4L2_YCBCR_ENC_601,
  V4L2_YCBCR_ENC_709,
  V4L2_YCBCR_ENC_BT2020,
  V4L2_YCBCR_ENC_BT2020_CONST_LUM,
  V4L2_YCBCR_ENC_DEFAULT,
  V4L2_YCBCR_ENC_SMPTE240M,
  V4L2_YCBCR_ENC_XV601,
} from '@paravideo/core';
import type { VideoCodec } from './video-codecs.ts';

/** Colour description of a frame in FFmpeg's numbers: AVCOL_PRI_*, AVCOL_TRC_*, AVCOL_SPC_*, AVCOL_RANGE_*. */
export interface StreamColours {
  readonly primaries: number;
  readonly transfer: number;
  readonly matrix: number;
  readonly range: number;
}

/** primaries (H.273 table 2) to V4L2_COLORSPACE_* */
const COLORSPACES: Readonly<Record<number, number>> = {
  1: V4L2_COLORSPACE_REC709,
  4: V4L2_COLORSPACE_470_SYSTEM_M,
  5: V4L2_COLORSPACE_470_SYSTEM_BG,
  6: V4L2_COLORSPACE_SMPTE170M,
  7: V4L2_COLORSPACE_SMPTE240M,
  9: V4L2_COLORSPACE_BT2020,
  11: V4L2_COLORSPACE_DCI_P3,
  // Display P3: the same primaries with another white.
  12: V4L2_COLORSPACE_DCI_P3,
};

/** transfer characteristics (H.273 table 3) to V4L2_XFER_FUNC_* */
const TRANSFERS: Readonly<Record<number, number>> = {
  1: V4L2_XFER_FUNC_709,
  6: V4L2_XFER_FUNC_709,
  7: V4L2_XFER_FUNC_SMPTE240M,
  8: V4L2_XFER_FUNC_NONE,
  13: V4L2_XFER_FUNC_SRGB,
  14: V4L2_XFER_FUNC_709,
  15: V4L2_XFER_FUNC_709,
  16: V4L2_XFER_FUNC_SMPTE2084,
};
const TRANSFER_XVYCC = 11;

/** matrix coefficients (H.273 table 4) to V4L2_YCBCR_ENC_* */
const MATRICES: Readonly<Record<number, number>> = {
  1: V4L2_YCBCR_ENC_709,
  5: V4L2_YCBCR_ENC_601,
  6: V4L2_YCBCR_ENC_601,
  7: V4L2_YCBCR_ENC_SMPTE240M,
  9: V4L2_YCBCR_ENC_BT2020,
  10: V4L2_YCBCR_ENC_BT2020_CONST_LUM,
};

const LIMITED_RANGE = 1;
const RANGES: Readonly<Record<number, number>> = {
  [LIMITED_RANGE]: V4L2_QUANTIZATION_LIM_RANGE,
  2: V4L2_QUANTIZATION_FULL_RANGE,
};

/** The V4L2 colorimetry of a stream. Motion JPEG that says nothing is JFIF, full range unless it is of limited range. */
export function v4l2Colorimetry(codec: VideoCodec, colours: StreamColours): Colorimetry {
  if (codec === 'mjpeg' && COLORSPACES[colours.primaries] === undefined) {
    return {
      colorspace: V4L2_COLORSPACE_JPEG,
      ycbcrEnc: V4L2_YCBCR_ENC_DEFAULT,
      quantization: colours.range === LIMITED_RANGE ? V4L2_QUANTIZATION_LIM_RANGE : V4L2_QUANTIZATION_DEFAULT,
      xferFunc: V4L2_XFER_FUNC_DEFAULT,
    };
  }
  const matrix = MATRICES[colours.matrix] ?? V4L2_YCBCR_ENC_DEFAULT;
  return {
    colorspace: COLORSPACES[colours.primaries] ?? V4L2_COLORSPACE_DEFAULT,
    ycbcrEnc: colours.transfer === TRANSFER_XVYCC && matrix === V4L2_YCBCR_ENC_601 ? V4L2_YCBCR_ENC_XV601 : matrix,
    quantization: RANGES[colours.range] ?? V4L2_QUANTIZATION_DEFAULT,
    xferFunc: TRANSFERS[colours.transfer] ?? V4L2_XFER_FUNC_DEFAULT,
  };
}

type Table = Readonly<Record<number, number>>;
const SAME_TO = (last: number): Table => Object.fromEntries(Array.from({ length: last + 1 }, (_, i) => [i, i]));
const H264_LEVELS = [10, 9, 11, 12, 13, 20, 21, 22, 30, 31, 32, 40, 41, 42, 50, 51, 52, 60, 61, 62];
const HEVC_LEVELS = [30, 60, 63, 90, 93, 120, 123, 150, 153, 156, 180, 183, 186];
const indexOfEach = (levels: readonly number[]): Table => Object.fromEntries(levels.map((level, i) => [level, i]));

/** FFmpeg's profile numbers (mostly the standard's own) to the menus V4L2_MPEG_VIDEO_*_PROFILE */
const PROFILES: Readonly<Record<VideoCodec, Table>> = {
  // Baseline, constrained baseline, main, extended, high, high 10, 4:2:2, 4:4:4 predictive, the three intra profiles.
  h264: { 66: 0, 578: 1, 77: 2, 88: 3, 100: 4, 110: 5, 122: 6, 244: 7, 2158: 8, 2170: 9, 2292: 10, 118: 15, 128: 14 },
  // V4L2 has main, main still picture, main 10.
  hevc: { 1: 0, 3: 1, 2: 2 },
  vp8: SAME_TO(3),
  vp9: SAME_TO(3),
  av1: SAME_TO(2),
  mpeg2: { 5: 0, 4: 1, 3: 2, 2: 3, 1: 4 },
  mjpeg: {},
};

/** Levels, in the same way. */
const LEVELS: Readonly<Record<VideoCodec, Table>> = {
  h264: indexOfEach(H264_LEVELS),
  hevc: indexOfEach(HEVC_LEVELS),
  vp8: {},
  vp9: {},
  av1: SAME_TO(23),
  mpeg2: { 10: 0, 8: 1, 6: 2, 4: 3 },
  mjpeg: {},
};

/** V4L2's menu index of a profile; undefined where V4L2 has no name for it. */
export function v4l2Profile(codec: VideoCodec, profile: number): number | undefined {
  return PROFILES[codec][profile];
}

/** V4L2's menu index of a level; undefined where V4L2 has no name for it. */
export function v4l2Level(codec: VideoCodec, level: number): number | undefined {
  return LEVELS[codec][level];
}
