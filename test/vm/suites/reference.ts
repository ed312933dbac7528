// SPDX-License-Identifier: Apache-2.0
/** What the host itself makes of a file: the ffmpeg command, which has no part in the product. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { command } from '../lab/index.ts';

/** The size of a picture, or of its upper left corner, in pixels. */
export interface ReferenceSize {
  readonly width: number;
  readonly height: number;
}

/**
 * MD5s of the pictures of a file, in display order, in ffmpeg's pixel format. Odd sides are rounded up in chroma. `corner`:
 * only that much of the upper left corner of the coded picture, whatever of it is visible.
 */
export async function hostPictures(path: string, pixelFormat: string, corner?: ReferenceSize): Promise<readonly string[]> {
  const cropping = corner === undefined ? [] : ['-apply_cropping', '0'];
  const filter = corner === undefined ? [] : ['-vf', `crop=${corner.width}:${corner.height}:0:0`];
  const args = ['-nostdin', '-v', 'error', '-flags', 'unaligned', ...cropping, '-i', path, '-map', '0:v:0', ...filter];
  const text = await command(
    'ffmpeg',
    args.concat('-fps_mode', 'passthrough', '-autoscale', '0', '-pix_fmt', pixelFormat, '-f', 'framemd5', '-'),
    { what: `decoding ${path} on the host` },
  );
  return frameMd5s(text);
}

/** Visible sizes of the pictures of a file, in display order. */
export async function pictureSizes(path: string): Promise<readonly ReferenceSize[]> {
  const args = [
    '-v',
    'error',
    '-flags',
    'unaligned',
    '-select_streams',
    'v:0',
    '-show_entries',
    'frame=width,height',
    '-of',
    'json',
    path,
  ];
  const text = await command('ffprobe', args, { what: `looking at the pictures of ${path}` });
  return (JSON.parse(text) as { frames: ReferenceSize[] }).frames;
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
