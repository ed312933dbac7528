// SPDX-License-Identifier: Apache-2.0
/** What the host itself makes of a file: the ffmpeg command, which has no part in the product. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { command } from '../lab/index.ts';

/** MD5s of the pictures of a file, in display order, in ffmpeg's pixel format. Odd sides are rounded up in chroma. */
export async function hostPictures(path: string, pixelFormat: string): Promise<readonly string[]> {
  const text = await command(
    'ffmpeg',
    ['-nostdin', '-v', 'error', '-flags', 'unaligned', '-i', path, '-map', '0:v:0', '-fps_mode', 'passthrough'].concat([
      ...['-autoscale', '0', '-pix_fmt', pixelFormat, '-f', 'framemd5', '-'],
    ]),
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
