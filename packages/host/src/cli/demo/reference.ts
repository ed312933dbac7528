// SPDX-License-Identifier: Apache-2.0
/** The independent decode that the demo measures itself against: the `ffmpeg` command, another build in another process. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { DemoError } from './demo-error.ts';

/** One picture of the reference decode, in display order. */
export interface ReferencePicture {
  /** bytes of the I420 picture */
  readonly length: number;
  /** MD5 of the visible I420 picture without padding, in hex */
  readonly md5: string;
}

/** The whole reference decode. `warnings`: what ffmpeg complained about, which damaged streams make it do. */
export interface ReferenceDecode {
  readonly pictures: readonly ReferencePicture[];
  readonly warnings: readonly string[];
}

/** Which stream, and what its samples are. */
export interface ReferenceOptions {
  /** number of the stream in the file; the first video stream unless told */
  readonly stream?: number;
  /** range of the stream's samples: they are compared as they are, not converted; limited unless told */
  readonly range?: 'limited' | 'full';
}

/**
 * Decodes a file with the `ffmpeg` command. Every picture that the decoder puts out is kept (none dropped or repeated for the
 * sake of a rate) at its own size (no scaling after a change of resolution). Throws `DemoError` if ffmpeg cannot be run or
 * refuses the file.
 */
export async function decodeReference(path: string, o: ReferenceOptions = {}): Promise<ReferenceDecode> {
  const reference = await decodeOnce(path, o, 'unaligned');
  // A stream of which no picture is known to be whole: the command shows none of them unless it is told to.
  return reference.pictures.length > 0 ? reference : decodeOnce(path, o, 'unaligned+output_corrupt');
}

async function decodeOnce(path: string, o: ReferenceOptions, flags: string): Promise<ReferenceDecode> {
  const { range = 'limited', stream = 'v:0' } = o;
  const args = [
    '-nostdin',
    '-v',
    'error',
    '-autorotate',
    '0',
    // crop to the pixel, not to what the machine's vectors like
    '-flags',
    flags,
    '-i',
    path,
    '-map',
    `0:${stream}`,
    '-autoscale',
    '0',
    '-fps_mode',
    'passthrough',
  ];
  const child = spawn('ffmpeg', [...args, '-pix_fmt', range === 'full' ? 'yuvj420p' : 'yuv420p', '-f', 'framemd5', '-'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exit = new Promise<number | null>((resolve, reject) => {
    child.once('error', (error) => reject(new DemoError(`the ffmpeg command cannot be run (${error.message}): install ffmpeg`)));
    child.once('close', resolve);
  });
  const warnings: string[] = [];
  const pictures: ReferencePicture[] = [];
  createInterface({ input: child.stderr }).on('line', (line) => {
    if (warnings.length < 20) warnings.push(line);
  });
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (line.startsWith('#')) return;
    const [, , , , length, md5] = line.split(',').map((part) => part.trim());
    if (length !== undefined && md5 !== undefined) pictures.push({ length: Number(length), md5 });
  });
  const status = await exit;
  if (status !== 0 && pictures.length === 0) {
    throw new DemoError(`ffmpeg does not decode ${path}: ${warnings.at(-1) ?? `it ended with status ${status}`}`);
  }
  return { pictures, warnings };
}
