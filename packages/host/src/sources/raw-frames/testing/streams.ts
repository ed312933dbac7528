// SPDX-License-Identifier: Apache-2.0
/** Streams as a producer writes them, for tests. */
import { FRAME_HEADER, FRAME_HEADER_BYTES, FRAME_MAGIC, FRAME_VERSION } from '../frames-reader.ts';

/** Bytes that say which frame they are of. */
export const pixels = (length: number, seed: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (i * 7 + seed) & 255);

/** The line of a stream. */
export const y4mHeader = (width: number, height: number, rest = 'F30:1 Ip A1:1 C420jpeg'): Buffer =>
  Buffer.from(`YUV4MPEG2 W${width} H${height} ${rest}\n`);

/** A frame of such a stream. */
export const y4mFrame = (bytes: Uint8Array, parameters = ''): Buffer =>
  Buffer.concat([Buffer.from(`FRAME${parameters}\n`), bytes]);

/** What a header of a frame says. */
export interface FrameWords {
  magic?: string;
  version?: number;
  fourcc?: string;
  width?: number;
  height?: number;
  interval?: readonly [number, number];
  bytes?: number;
  timestamp?: number;
}

/** The header of a frame of docs/RAW-FRAMES.md, a GREY one of 32x16 unless told otherwise. */
export function frameHeader(words: FrameWords = {}): Buffer {
  const header = Buffer.alloc(FRAME_HEADER_BYTES);
  header.write(words.magic ?? FRAME_MAGIC, FRAME_HEADER.magic, 'latin1');
  header.writeUInt32LE(words.version ?? FRAME_VERSION, FRAME_HEADER.version);
  header.write(words.fourcc ?? 'GREY', FRAME_HEADER.fourcc, 'latin1');
  header.writeUInt32LE(words.width ?? 32, FRAME_HEADER.width);
  header.writeUInt32LE(words.height ?? 16, FRAME_HEADER.height);
  header.writeUInt32LE(words.interval?.[0] ?? 1, FRAME_HEADER.intervalNumerator);
  header.writeUInt32LE(words.interval?.[1] ?? 30, FRAME_HEADER.intervalDenominator);
  header.writeUInt32LE(words.bytes ?? 512, FRAME_HEADER.bytes);
  header.writeBigUInt64LE(BigInt(words.timestamp ?? 0), FRAME_HEADER.timestamp);
  return header;
}

/** A whole frame. */
export const frame = (bytes: Uint8Array, words: FrameWords = {}): Buffer =>
  Buffer.concat([frameHeader({ bytes: bytes.length, ...words }), bytes]);
