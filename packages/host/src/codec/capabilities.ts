// SPDX-License-Identifier: Apache-2.0
import type { DecoderCapability } from '@paravideo/core';
import { DECODED_FORMATS, VIDEO_CODECS, type VideoCodec } from '../av/index.ts';

const LIMITS: Readonly<Record<VideoCodec, readonly [minimum: number, maxWidth: number, maxHeight: number]>> = {
  h264: [16, 8192, 8192],
  hevc: [8, 8192, 8192],
  vp8: [1, 8192, 8192],
  vp9: [1, 8192, 8192],
  av1: [1, 8192, 8192],
  mpeg2: [16, 4096, 2304],
  mjpeg: [1, 8192, 8192],
};

/** The numbers from 0 on, `count` of them. */
const first = (count: number): readonly number[] => [...Array(count).keys()];

/**
 * V4L2_MPEG_VIDEO_* numbers of what FFmpeg's decoders turn into 8-bit 4:2:0: no Extended, scalable or stereo H.264, no 4:2:2, and
 * of VP9 profile 0 alone.
 */
const DECODED: Readonly<Record<VideoCodec, Pick<DecoderCapability, 'profiles' | 'levels'>>> = {
  h264: { profiles: [0, 1, 2, 4, 17], levels: first(20) },
  hevc: { profiles: first(3), levels: first(13) },
  vp8: { profiles: first(4) },
  vp9: { profiles: [0], levels: first(14) },
  av1: { profiles: [0], levels: first(24) },
  mpeg2: { profiles: first(2), levels: first(4) },
  mjpeg: {},
};

/** What the codec process decodes: every codec to NV12, YU12 and their multi-planar twins. */
export const CAPABILITIES: readonly DecoderCapability[] = VIDEO_CODECS.map((codec) => {
  const [minimum, maxWidth, maxHeight] = LIMITS[codec];
  return { codec, ...DECODED[codec], minWidth: minimum, minHeight: minimum, maxWidth, maxHeight, outputs: DECODED_FORMATS };
});
