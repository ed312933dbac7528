// SPDX-License-Identifier: Apache-2.0
/** The codecs of the `Decoder` port as V4L2 knows them. */
import { formatInfo, fourcc } from '../../picture/index.ts';
import type { CodecId, DecoderCapability } from '../../ports/index.ts';
import {
  V4L2_CID_MPEG_VIDEO_AV1_LEVEL,
  V4L2_CID_MPEG_VIDEO_AV1_PROFILE,
  V4L2_CID_MPEG_VIDEO_H264_LEVEL,
  V4L2_CID_MPEG_VIDEO_H264_PROFILE,
  V4L2_CID_MPEG_VIDEO_HEVC_LEVEL,
  V4L2_CID_MPEG_VIDEO_HEVC_PROFILE,
  V4L2_CID_MPEG_VIDEO_MPEG2_LEVEL,
  V4L2_CID_MPEG_VIDEO_MPEG2_PROFILE,
  V4L2_CID_MPEG_VIDEO_VP8_PROFILE,
  V4L2_CID_MPEG_VIDEO_VP9_LEVEL,
  V4L2_CID_MPEG_VIDEO_VP9_PROFILE,
  V4L2_PIX_FMT_AV1,
  V4L2_PIX_FMT_H264,
  V4L2_PIX_FMT_HEVC,
  V4L2_PIX_FMT_MJPEG,
  V4L2_PIX_FMT_MPEG2,
  V4L2_PIX_FMT_VP8,
  V4L2_PIX_FMT_VP9,
} from '../../wire/index.ts';

/** A read-only menu that tells a profile or level of the stream, and by its items which ones can be decoded. */
export interface CodecMenu {
  /** V4L2_CID_MPEG_VIDEO_… */
  readonly id: number;
  readonly name: string;
  /** by V4L2_MPEG_VIDEO_… number; undefined where V4L2 has an item that the decoders do not support */
  readonly items: readonly (string | undefined)[];
}

/** A codec in V4L2's terms. */
export interface CodecInfo {
  readonly codec: CodecId;
  /** V4L2 pixel format of the coded stream */
  readonly fourcc: number;
  readonly description: string;
  readonly profile?: CodecMenu;
  readonly level?: CodecMenu;
}

const none = undefined;
const MPEG_LEVELS = ['1', '2', '2.1', '3', '3.1', '4', '4.1', '5', '5.1', '5.2', '6', '6.1', '6.2'];
const H264_LEVELS = [
  ...['1', '1b', '1.1', '1.2', '1.3', '2', '2.1', '2.2', '3', '3.1'],
  ...['3.2', '4', '4.1', '4.2', '5', '5.1', '5.2', '6.0', '6.1', '6.2'],
];
const H264_PROFILES = [
  ...['Baseline', 'Constrained Baseline', 'Main', none, 'High', none, none, none, none],
  ...[none, none, none, none, none, none, none, none, 'Constrained High'],
];
const VP9_LEVELS = ['1', '1.1', ...MPEG_LEVELS.slice(1)].map((level) => `Level ${level}`);
const AV1_LEVELS = ['2', '3', '4', '5', '6', '7'].flatMap((major) =>
  ['0', '1', '2', '3'].map((minor) => `Level ${major}.${minor}`),
);

function info(codec: CodecId, pixelFormat: number, profile?: CodecMenu, level?: CodecMenu): CodecInfo {
  const description = formatInfo(pixelFormat)?.description ?? 'Toy';
  return { codec, fourcc: pixelFormat, description, ...(profile && { profile }), ...(level && { level }) };
}

function menu(id: number, name: string, items: readonly (string | undefined)[]): CodecMenu {
  return { id, name, items };
}

const CODECS: readonly CodecInfo[] = [
  info(
    'h264',
    V4L2_PIX_FMT_H264,
    menu(V4L2_CID_MPEG_VIDEO_H264_PROFILE, 'H264 Profile', H264_PROFILES),
    menu(V4L2_CID_MPEG_VIDEO_H264_LEVEL, 'H264 Level', H264_LEVELS),
  ),
  info(
    'hevc',
    V4L2_PIX_FMT_HEVC,
    menu(V4L2_CID_MPEG_VIDEO_HEVC_PROFILE, 'HEVC Profile', ['Main', 'Main Still Picture', 'Main 10']),
    menu(V4L2_CID_MPEG_VIDEO_HEVC_LEVEL, 'HEVC Level', MPEG_LEVELS),
  ),
  info('vp8', V4L2_PIX_FMT_VP8, menu(V4L2_CID_MPEG_VIDEO_VP8_PROFILE, 'VP8 Profile', ['0', '1', '2', '3'])),
  info(
    'vp9',
    V4L2_PIX_FMT_VP9,
    menu(V4L2_CID_MPEG_VIDEO_VP9_PROFILE, 'VP9 Profile', ['0']),
    menu(V4L2_CID_MPEG_VIDEO_VP9_LEVEL, 'VP9 Level', VP9_LEVELS),
  ),
  info(
    'av1',
    V4L2_PIX_FMT_AV1,
    menu(V4L2_CID_MPEG_VIDEO_AV1_PROFILE, 'AV1 Profile', ['Main']),
    menu(V4L2_CID_MPEG_VIDEO_AV1_LEVEL, 'AV1 Level', AV1_LEVELS),
  ),
  info(
    'mpeg2',
    V4L2_PIX_FMT_MPEG2,
    menu(V4L2_CID_MPEG_VIDEO_MPEG2_PROFILE, 'MPEG2 Profile', ['Simple', 'Main']),
    menu(V4L2_CID_MPEG_VIDEO_MPEG2_LEVEL, 'MPEG2 Level', ['Low', 'Main', 'High 1440', 'High']),
  ),
  info('mjpeg', V4L2_PIX_FMT_MJPEG),
  // The made-up codec of the tests: a private pixel format, offered only where a factory names it.
  info('toy', fourcc('TOY1')),
];

/** A codec that a decoder device offers: what it is called and what can be done with it. */
export interface OfferedCodec extends CodecInfo {
  readonly capability: DecoderCapability;
}

/** The codecs of a factory in V4L2's terms, in its order; without outputs that `picture/formats` does not know. */
export function offeredCodecs(capabilities: readonly DecoderCapability[]): readonly OfferedCodec[] {
  return capabilities.flatMap((capability) => {
    const known = CODECS.find(({ codec }) => codec === capability.codec);
    const outputs = capability.outputs.filter((output) => (formatInfo(output)?.colourPlanes.length ?? 0) > 0);
    return known === undefined || outputs.length === 0 ? [] : [{ ...known, capability: { ...capability, outputs } }];
  });
}
