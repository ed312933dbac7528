// SPDX-License-Identifier: Apache-2.0
/** Decoding speed through the device against the `ffmpeg` command, on the same file with as many threads. */
import { spawnSync } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type MediaDriver, StatefulDecoderClient, timestampOf } from '@paravideo/core';
import { CODED_FORMATS, openCodedFile } from '../demo/index.ts';
import { BenchError } from './bench-error.ts';

/** Pictures, and the time from nothing to the last of them. */
export interface TimedRun {
  readonly pictures: number;
  readonly seconds: number;
}

/** One run through the device. */
export interface DecodeRun extends TimedRun {
  /** seconds from nothing to the first picture */
  readonly first: number;
  /** bytes of pictures that landed in the guest's buffers */
  readonly bytes: number;
}

/** A file in memory, so that no measurement waits for a disk. */
export interface CodedClip {
  readonly path: string;
  readonly coded: number;
  readonly units: readonly Uint8Array[];
}

/** Pictures of the scene that clips repeat. */
const SCENE = 300;

/**
 * A clip of so many pictures (a multiple of 300) of moving 1080p H.264 with B pictures, made in `folder` unless it is there;
 * its path. Throws `BenchError` without ffmpeg.
 */
export function makeClip(folder: string, pictures: number): string {
  const path = join(folder, `bench-1080p-${pictures}.h264`);
  if (existsSync(path)) return path;
  mkdirSync(folder, { recursive: true });
  const partial = `${path}.part`;
  if (pictures > SCENE) {
    const scene = readFileSync(makeClip(folder, SCENE));
    writeFileSync(partial, '');
    for (let made = 0; made < pictures; made += SCENE) appendFileSync(partial, scene);
  } else encodeScene(partial);
  renameSync(partial, path);
  return path;
}

function encodeScene(path: string): void {
  const source = `testsrc2=size=1920x1080:rate=30:duration=${SCENE / 30},noise=alls=6:allf=t`;
  const coding = ['-pix_fmt', 'yuv420p', '-c:v', 'libx264', '-preset', 'fast', '-b:v', '8M', '-bf', '2', '-g', '60'];
  const args = ['-nostdin', '-v', 'error', '-y', '-f', 'lavfi', '-i', source, ...coding, '-f', 'h264', path];
  const { status } = spawnSync('ffmpeg', args, { stdio: ['ignore', 'ignore', 'inherit'] });
  if (status !== 0) throw new BenchError('ffmpeg could not make the clip: install ffmpeg with libx264');
}

/** Reads a file into coded units. */
export async function readClip(path: string): Promise<CodedClip> {
  await using file = await openCodedFile(path);
  const units: Uint8Array[] = [];
  for await (const { bytes } of file.units()) units.push(bytes);
  return { path, coded: CODED_FORMATS[file.codec], units };
}

/**
 * Decodes the clip through the device to pictures of the format `output`, or of the one that the device prefers; the time
 * includes opening the session and finding the format.
 */
export async function decodeThroughDevice(driver: MediaDriver, clip: CodedClip, output?: number): Promise<DecodeRun> {
  const memory = driver.transport.sharedLength > 0 ? 'mmap' : 'shared-pages';
  const started = performance.now();
  const client = await StatefulDecoderClient.open(driver, {
    coded: clip.coded,
    memory,
    inputMemory: memory,
    ...(output === undefined ? {} : { output }),
  });
  try {
    let [pictures, bytes, first] = [0, 0, Number.NaN];
    const elapsed = () => (performance.now() - started) / 1000;
    for await (const picture of client.decode(clip.units.map((unit, i) => ({ bytes: unit, timestamp: timestampOf(i * 1000) })))) {
      if (pictures === 0) first = elapsed();
      pictures += 1;
      for (const plane of picture.planes) bytes += plane.length;
    }
    return { pictures, bytes, first, seconds: elapsed() };
  } finally {
    await client.close();
  }
}

/** What `ffmpeg -f null` does with the clip, by its own clock: from when it has opened the file and looked at its beginning. */
export function decodeWithFfmpeg(clip: CodedClip, threads: number): TimedRun {
  const args = [
    '-nostdin',
    '-v',
    'info',
    '-nostats',
    '-benchmark',
    '-threads',
    String(threads),
    '-i',
    clip.path,
    '-f',
    'null',
    '-',
  ];
  const { status, stderr } = spawnSync('ffmpeg', args, { encoding: 'utf8' });
  const seconds = /bench: .*rtime=([\d.]+)s/.exec(stderr)?.[1];
  const pictures = /frame= *(\d+)/.exec(stderr)?.[1];
  if (status !== 0 || seconds === undefined || pictures === undefined)
    throw new BenchError(`ffmpeg does not decode ${clip.path}`);
  return { pictures: Number(pictures), seconds: Number(seconds) };
}

/**
 * Pictures per second, of two runs that differ in length alone: opening and closing, the first picture's way in and the
 * last one's way out are in both, and cancel out.
 */
export function speedOf(short: TimedRun, long: TimedRun): number {
  return (long.pictures - short.pictures) / (long.seconds - short.seconds);
}
