// SPDX-License-Identifier: Apache-2.0
/** Decoding speed through the device against the `ffmpeg` command, on the same file with as many threads. */
import { spawnSync } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { dirname } from 'node:path';
import { type MediaDriver, StatefulDecoderClient, timestampOf } from '@paravideo/core';
import { CODED_FORMATS, openCodedFile } from '../demo/index.ts';
import { BenchError } from './bench-error.ts';

/** One run through the device. */
export interface DecodeRun {
  readonly pictures: number;
  readonly seconds: number;
  /** bytes of pictures that landed in the guest's buffers */
  readonly bytes: number;
}

/** A file in memory, so that no measurement waits for a disk. */
export interface CodedClip {
  readonly path: string;
  readonly coded: number;
  readonly units: readonly Uint8Array[];
}

/** How often the clip shows its 300 pictures: long enough that opening a session, which ffmpeg's clock leaves out, counts little. */
const ROUNDS = 8;

/** Makes 2400 pictures of moving 1080p H.264 with B pictures at `path`, unless it is there. Throws `BenchError` without ffmpeg. */
export function makeClip(path: string): void {
  if (existsSync(path)) return;
  mkdirSync(dirname(path), { recursive: true });
  const source = 'testsrc2=size=1920x1080:rate=30:duration=10,noise=alls=6:allf=t';
  const coding = ['-pix_fmt', 'yuv420p', '-c:v', 'libx264', '-preset', 'fast', '-b:v', '8M', '-bf', '2', '-g', '60'];
  const partial = `${path}.part`;
  const args = ['-nostdin', '-v', 'error', '-y', '-f', 'lavfi', '-i', source, ...coding, '-f', 'h264', partial];
  const { status } = spawnSync('ffmpeg', args, { stdio: ['ignore', 'ignore', 'inherit'] });
  if (status !== 0) throw new BenchError('ffmpeg could not make the clip: install ffmpeg with libx264');
  const once = readFileSync(partial);
  for (let round = 1; round < ROUNDS; round++) appendFileSync(partial, once);
  renameSync(partial, path);
}

/** Reads a file into coded units. */
export async function readClip(path: string): Promise<CodedClip> {
  await using file = await openCodedFile(path);
  const units: Uint8Array[] = [];
  for await (const unit of file.units()) units.push(unit);
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
    let [pictures, bytes] = [0, 0];
    for await (const picture of client.decode(clip.units.map((unit, i) => ({ bytes: unit, timestamp: timestampOf(i * 1000) })))) {
      pictures += 1;
      for (const plane of picture.planes) bytes += plane.length;
    }
    return { pictures, bytes, seconds: (performance.now() - started) / 1000 };
  } finally {
    await client.close();
  }
}

/** Seconds that `ffmpeg -f null` takes for the file by its own account, from its first to its last moment. */
export function decodeWithFfmpeg(path: string, threads: number): number {
  const args = ['-nostdin', '-v', 'info', '-nostats', '-benchmark', '-threads', String(threads), '-i', path, '-f', 'null', '-'];
  const { status, stderr } = spawnSync('ffmpeg', args, { encoding: 'utf8' });
  const seconds = /bench: .*rtime=([\d.]+)s/.exec(stderr)?.[1];
  if (status !== 0 || seconds === undefined) throw new BenchError(`ffmpeg does not decode ${path}`);
  return Number(seconds);
}
