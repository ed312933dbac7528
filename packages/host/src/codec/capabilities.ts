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

/** What the codec process decodes: every codec to NV12, YU12 and their multi-planar twins. */
export const CAPABILITIES: readonly DecoderCapability[] = VIDEO_CODECS.map((codec) => {
  const [minimum, maxWidth, maxHeight] = LIMITS[codec];
  return { codec, minWidth: minimum, minHeight: minimum, maxWidth, maxHeight, outputs: DECODED_FORMATS };
});
