// SPDX-License-Identifier: Apache-2.0
/** The codecs that FFmpeg decodes for us: its names for them, and how each decoder is set up. */
import type { CodecId } from '@paravideo/core';
import { AvError } from './av-error.ts';
import type { Av } from './node-av.ts';

/** Frames of a stream that has them as two fields, and does not name their size. */
export interface FieldFrames {
  readonly width: number;
  readonly height: number;
  /** the first field has the second line */
  readonly bottomFirst: boolean;
}

/** Codecs with an FFmpeg decoder. */
export type VideoCodec = Exclude<CodecId, 'toy'>;

interface Entry {
  /** FFmpeg's decoder */
  readonly decoder: 'h264' | 'hevc' | 'vp8' | 'vp9' | 'libdav1d' | 'mpeg2video' | 'mjpeg';
  /** AVOptions beside the common ones */
  readonly options: (threads: number) => Readonly<Record<string, string>>;
}

/**
 * H.264 gets strict compliance, because otherwise FFmpeg guesses how far pictures are reordered where the stream does not
 * say it (it learns on the way, and shows the first pictures in the wrong order); strict means the DPB size of the level.
 */
const CODECS: Readonly<Record<VideoCodec, Entry>> = {
  h264: { decoder: 'h264', options: () => ({ strict: 'strict' }) },
  hevc: { decoder: 'hevc', options: () => ({}) },
  vp8: { decoder: 'vp8', options: () => ({}) },
  vp9: { decoder: 'vp9', options: () => ({}) },
  av1: { decoder: 'libdav1d', options: (threads) => ({ max_frame_delay: String(threads) }) },
  mpeg2: { decoder: 'mpeg2video', options: () => ({}) },
  mjpeg: { decoder: 'mjpeg', options: () => ({}) },
};

/** Names of all codecs, in a fixed order: their index is what travels between processes. */
export const VIDEO_CODECS = Object.keys(CODECS) as readonly VideoCodec[];

/** Largest picture that is decoded at all, in pixels (8192 x 8192). */
export const MAX_PIXELS = 8192 * 8192;

/**
 * An open decoder that does not crop: its frames have the coded size. `threads` 1 means that a packet's picture can be had
 * at once; more decode several frames at a time and hand them out `threads` - 1 later. `frame` describes the frames
 * of Motion JPEG in fields. Throws `AvError` (call).
 */
export function openVideoDecoder(av: Av, id: VideoCodec, threads: number, frame?: FieldFrames): InstanceType<Av['CodecContext']> {
  const entry = CODECS[id];
  const codec = av.Codec.findDecoderByName(entry.decoder as Parameters<typeof av.Codec.findDecoderByName>[0]);
  if (codec === null) throw new AvError('call', `the codec library has no decoder ${entry.decoder}`);
  const context = new av.CodecContext();
  context.allocContext3(codec);
  const options = { threads: String(threads), apply_cropping: '0', max_pixels: String(MAX_PIXELS), ...entry.options(threads) };
  for (const [name, value] of Object.entries(options)) {
    const result = context.setOption(name, value);
    if (result < 0) throw new AvError('call', `decoder ${entry.decoder}: option ${name}=${value} was refused (${result})`);
  }
  if (frame !== undefined) {
    context.width = frame.width;
    context.height = frame.height;
    // What the library takes for the sign of AVI files, whose first field is the bottom one.
    if (frame.bottomFirst) context.codecTag = 'MJPG';
  }
  const result = context.open2Sync(codec, null);
  if (result < 0) {
    context.freeContext();
    throw new AvError('call', `decoder ${entry.decoder} does not open (${result})`);
  }
  return context;
}
