// SPDX-License-Identifier: Apache-2.0
/** What the host itself makes of a file: the ffmpeg command, which has no part in the product. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { command } from '../lab/index.ts';

/** An upper left corner. */
export interface PicturePart {
  readonly of: 'visible' | 'coded';
  readonly width: number;
  readonly height: number;
}

/**
 * MD5s of the pictures of a file, in display order, in ffmpeg's pixel format. Odd sides are rounded up in chroma. `part` takes
 * only the upper left corner of the visible rectangle, or of the whole coded picture.
 */
export async function hostPictures(path: string, pixelFormat: string, part?: PicturePart): Promise<readonly string[]> {
  const cropping = part?.of === 'coded' ? ['-apply_cropping', '0'] : [];
  const filter = part === undefined ? [] : ['-vf', `crop=${part.width}:${part.height}:0:0`];
  const args = ['-nostdin', '-v', 'error', '-flags', 'unaligned', ...cropping, '-i', path, '-map', '0:v:0', ...filter];
  const text = await command(
    'ffmpeg',
    args.concat('-fps_mode', 'passthrough', '-autoscale', '0', '-pix_fmt', pixelFormat, '-f', 'framemd5', '-'),
    { what: `decoding ${path} on the host` },
  );
  return frameMd5s(text);
}

/** The MD5s in a table as `-f framemd5` or GStreamer's checksumsink print it. */
export function frameMd5s(table: string): readonly string[] {
  return table.split('\n').flatMap((line) => (line.startsWith('#') ? [] : (/\b([0-9a-f]{32})$/.exec(line.trim())?.[1] ?? [])));
}

/** MD5s of the frames of a raw file, each `frameBytes` long; undefined as the last if the file ends inside a frame. */
export function rawMd5s(path: string, frameBytes: number): readonly (string | undefined)[] {
  const bytes = readFileSync(path);
  const sums: (string | undefined)[] = [];
  for (let at = 0; at < bytes.length; at += frameBytes) {
    const frame = bytes.subarray(at, at + frameBytes);
    sums.push(frame.length === frameBytes ? createHash('md5').update(frame).digest('hex') : undefined);
  }
  return sums;
}
