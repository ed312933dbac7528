// SPDX-License-Identifier: Apache-2.0
/** For tests: the fixtures as a program of the guest decodes them, in guest pages or mapped buffers, through a socket. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import {
  type BufferKind,
  type ClientPicture,
  type CodedChunk,
  type MediaDriver,
  StatefulDecoderClient,
  V4L2_PIX_FMT_H264,
  V4L2_PIX_FMT_VP8,
  V4L2_PIX_FMT_VP9,
} from '@paravideo/core';
import type { VideoCodec } from '../src/av/index.ts';
import { playedMd5 } from '../src/codec/testing/player.ts';
import { codedUnits } from '../src/codec/testing/streams.ts';

const CODED: Partial<Record<VideoCodec, number>> = { h264: V4L2_PIX_FMT_H264, vp8: V4L2_PIX_FMT_VP8, vp9: V4L2_PIX_FMT_VP9 };

/** One fixture. */
export class CodedFilm {
  readonly coded: number;
  readonly chunks: readonly CodedChunk[];
  /** MD5s of the visible pictures, by the ffmpeg command */
  readonly md5s: readonly string[];

  constructor(codec: VideoCodec, name: string) {
    const path = fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url));
    this.coded = CODED[codec] ?? 0;
    this.chunks = codedUnits(codec, readFileSync(path)).map((bytes, i) => {
      const timestamp = new Uint8Array(16);
      new DataView(timestamp.buffer).setUint32(0, i, true);
      return { bytes, timestamp };
    });
    this.md5s = readFileSync(`${path}.md5`, 'latin1').trim().split('\n');
  }

  /** A program that decodes into `memory`; its coded buffers are of the same kind. */
  open(driver: MediaDriver, memory: BufferKind): Promise<StatefulDecoderClient> {
    return StatefulDecoderClient.open(driver, { coded: this.coded, memory, inputMemory: memory, inputSize: 1 << 16 });
  }
}

/** MD5 of what is to be seen of a picture. */
export function visibleMd5({ planes, layout, visible }: ClientPicture): string {
  return playedMd5(planes, layout, visible);
}

/** MD5 of all bytes of a picture: ends of lines, and lines below it, too. */
export function wholeMd5({ planes }: ClientPicture): string {
  const hash = createHash('md5');
  for (const plane of planes) hash.update(plane);
  return hash.digest('hex');
}
