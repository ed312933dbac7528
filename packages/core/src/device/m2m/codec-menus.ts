// SPDX-License-Identifier: Apache-2.0
/** The codecs of the ports as V4L2 knows them: pixel formats, and the menus that tell profiles and levels. */
import { formatInfo, fourcc } from '../../picture/index.ts';
import type { CodecId } from '../../ports/index.ts';
import type { ControlSpec } from '../../v4l2/index.ts';
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
  V4L2_CTRL_FLAG_READ_ONLY,
  V4L2_CTRL_TYPE_MENU,
  V4L2_PIX_FMT_AV1,
  V4L2_PIX_FMT_H264,
  V4L2_PIX_FMT_HEVC,
  V4L2_PIX_FMT_MJPEG,
  V4L2_PIX_FMT_MPEG2,
  V4L2_PIX_FMT_VP8,
  V4L2_PIX_FMT_VP9,
} from '../../wire/index.ts';
import type { M2mCodec, PictureBounds } from './m2m-formats.ts';

/** A menu of profiles or levels. */
export interface CodecMenu {
  /** V4L2_CID_MPEG_VIDEO_… */
  readonly id: number;
  readonly name: string;
  /** by V4L2_MPEG_VIDEO_… number; undefined where V4L2 has an item that is not offered */
  readonly items: readonly (string | undefined)[];
}

/** A codec in V4L2's terms, with every item that V4L2 has for its profiles and levels. */
export interface CodecInfo {
  readonly codec: CodecId;
  /** V4L2 pixel format of the coded stream */
  readonly fourcc: number;
  readonly description: string;
  readonly profile?: CodecMenu;
  readonly level?: CodecMenu;
}

const MPEG_LEVELS = ['1', '2', '2.1', '3', '3.1', '4', '4.1', '5', '5.1', '5.2', '6', '6.1', '6.2'];
const H264_LEVELS = [
  ...['1', '1b', '1.1', '1.2', '1.3', '2', '2.1', '2.2', '3', '3.1'],
  ...['3.2', '4', '4.1', '4.2', '5', '5.1', '5.2', '6.0', '6.1', '6.2'],
];
const H264_PROFILES = [
  ...['Baseline', 'Constrained Baseline', 'Main', 'Extended', 'High', 'High 10', 'High 422', 'High 444 Predictive'],
  ...['High 10 Intra', 'High 422 Intra', 'High 444 Intra', 'CAVLC 444 Intra', 'Scalable Baseline', 'Scalable High'],
  ...['Scalable High Intra', 'Stereo High', 'Multiview High', 'Constrained High'],
];
const MPEG2_PROFILES = ['Simple', 'Main', 'SNR Scalable', 'Spatially Scalable', 'High'];
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
    menu(V4L2_CID_MPEG_VIDEO_VP9_PROFILE, 'VP9 Profile', ['0', '1', '2', '3']),
    menu(V4L2_CID_MPEG_VIDEO_VP9_LEVEL, 'VP9 Level', VP9_LEVELS),
  ),
  info(
    'av1',
    V4L2_PIX_FMT_AV1,
    menu(V4L2_CID_MPEG_VIDEO_AV1_PROFILE, 'AV1 Profile', ['Main', 'High', 'Professional']),
    menu(V4L2_CID_MPEG_VIDEO_AV1_LEVEL, 'AV1 Level', AV1_LEVELS),
  ),
  info(
    'mpeg2',
    V4L2_PIX_FMT_MPEG2,
    menu(V4L2_CID_MPEG_VIDEO_MPEG2_PROFILE, 'MPEG2 Profile', MPEG2_PROFILES),
    menu(V4L2_CID_MPEG_VIDEO_MPEG2_LEVEL, 'MPEG2 Level', ['Low', 'Main', 'High 1440', 'High']),
  ),
  info('mjpeg', V4L2_PIX_FMT_MJPEG),
  // The made-up codec of the tests: a private pixel format, offered only where a factory names it.
  info('toy', fourcc('TOY1')),
];

/** What an adapter says of a codec, as far as every codec device needs it. */
export interface CodecCapability extends PictureBounds {
  readonly codec: CodecId;
  /** V4L2_MPEG_VIDEO_* numbers; none, or undefined: the codec has no such menu */
  readonly profiles?: readonly number[];
  readonly levels?: readonly number[];
}

/** A codec that a device offers: what it is called, its menus with what the adapter can do, its pictures. */
export interface OfferedCodec<C extends CodecCapability = CodecCapability> extends CodecInfo, M2mCodec {
  readonly capability: C;
}

/**
 * The codecs of an adapter in V4L2's terms, in its order, with the pixel formats of their pictures as far as `picture/formats` knows
 * them. A codec without any, or that V4L2 has no name for, is left out.
 */
export function offeredCodecs<C extends CodecCapability>(
  capabilities: readonly C[],
  rawFormatsOf: (capability: C) => readonly number[],
): readonly OfferedCodec<C>[] {
  return capabilities.flatMap((capability) => {
    const known = CODECS.find(({ codec }) => codec === capability.codec);
    const rawFormats = rawFormatsOf(capability).filter((format) => (formatInfo(format)?.colourPlanes.length ?? 0) > 0);
    if (known === undefined || rawFormats.length === 0) return [];
    const { codec, fourcc: pixelFormat, description } = known;
    const profile = offeredMenu(known.profile, capability.profiles);
    const level = offeredMenu(known.level, capability.levels);
    return [
      { codec, fourcc: pixelFormat, description, capability, rawFormats, ...(profile && { profile }), ...(level && { level }) },
    ];
  });
}

/** The menu with the items of these numbers; undefined if V4L2 has none of them. */
function offeredMenu(menu: CodecMenu | undefined, numbers: readonly number[] = []): CodecMenu | undefined {
  const items = menu?.items.map((item, number) => (numbers.includes(number) ? item : undefined)) ?? [];
  const count = items.findLastIndex((item) => item !== undefined) + 1;
  return menu && count > 0 ? { ...menu, items: items.slice(0, count) } : undefined;
}

/** The control of a menu, read-only unless `flags` say otherwise; its default is the first item. */
export function codecMenuControl({ id, name, items }: CodecMenu, flags: number = V4L2_CTRL_FLAG_READ_ONLY): ControlSpec {
  const minimum = items.findIndex((item) => item !== undefined);
  return {
    id,
    type: V4L2_CTRL_TYPE_MENU,
    name,
    minimum,
    maximum: items.length - 1,
    step: 1,
    default: minimum,
    menu: items,
    flags,
  };
}
