// SPDX-License-Identifier: Apache-2.0
/** ffmpeg in the guest, on the decoder device and with its own decoder, on the same stream. */
import { spawnSync } from 'node:child_process';
import { appendFileSync, cpSync, existsSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import type { Guest } from '../harness/index.ts';
import { VmBenchError } from './bench-error.ts';

/** Pictures per second, by ffmpeg's own clock. */
export interface DecodeReport {
  readonly width: number;
  readonly height: number;
  readonly pictures: number;
  readonly device: number;
  readonly software: number;
}

/** The clip shows its pictures several times: long enough that opening a session counts little. */
const ROUNDS = 4;
const PICTURES_A_ROUND = 150;
const PICTURES = ROUNDS * PICTURES_A_ROUND;
const TIMEOUT = 300_000;

/** Decodes a clip of that size both ways; `folder` keeps the clips. */
export async function benchDecode(guest: Guest, size: { width: number; height: number }, folder: string): Promise<DecodeReport> {
  const clip = makeClip(size, folder);
  cpSync(clip, join(guest.share, 'clip.h264'));
  await guest.must('cp /mnt/clip.h264 /tmp/clip.h264');
  // the first session starts the codec process; that is not decoding
  await decode(guest, 'h264_v4l2m2m');
  const device = await decode(guest, 'h264_v4l2m2m');
  const software = await decode(guest, 'h264');
  return { ...size, pictures: PICTURES, device: PICTURES / device, software: PICTURES / software };
}

async function decode(guest: Guest, decoder: string): Promise<number> {
  const { status, stderr } = await guest.run(
    `ffmpeg -nostdin -nostats -benchmark -threads 1 -c:v ${decoder} -i /tmp/clip.h264 -fps_mode passthrough -f null -`,
    TIMEOUT,
  );
  const seconds = /bench: .*rtime=([\d.]+)s/.exec(stderr)?.[1];
  const pictures = [...stderr.matchAll(/frame= *(\d+)/g)].at(-1)?.[1];
  if (status !== 0 || seconds === undefined || Number(pictures) !== PICTURES) {
    throw new VmBenchError(`ffmpeg's ${decoder} got ${pictures ?? 'no'} pictures of ${PICTURES}:\n${stderr}`);
  }
  return Number(seconds);
}

function makeClip({ width, height }: { width: number; height: number }, folder: string): string {
  const path = join(folder, `bench-vm-${height}p-${PICTURES}.h264`);
  if (existsSync(path)) return path;
  const source = `testsrc2=size=${width}x${height}:rate=30,noise=alls=6:allf=t`;
  const bits = Math.round((width * height * 30 * 0.13) / 1000);
  const coding = ['-pix_fmt', 'yuv420p', '-c:v', 'libx264', '-preset', 'fast', '-b:v', `${bits}k`, '-bf', '2', '-g', '60'];
  const args = ['-nostdin', '-v', 'error', '-y', '-f', 'lavfi', '-i', source, '-frames:v', String(PICTURES_A_ROUND), ...coding];
  const { status } = spawnSync('ffmpeg', [...args, '-f', 'h264', `${path}.part`], { stdio: ['ignore', 'ignore', 'inherit'] });
  if (status !== 0) throw new VmBenchError('ffmpeg could not make the clip: install ffmpeg with libx264');
  const once = readFileSync(`${path}.part`);
  for (let round = 1; round < ROUNDS; round++) appendFileSync(`${path}.part`, once);
  renameSync(`${path}.part`, path);
  return path;
}
