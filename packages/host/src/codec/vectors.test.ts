// SPDX-License-Identifier: Apache-2.0
/**
 * Streams from outside the project: the folder named by PARAVIDEO_VECTORS, one folder a codec in it. Every picture is
 * compared with the decode of the ffmpeg command, cropped to the pixel.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { VIDEO_CODECS } from '../av/index.ts';
import { Player } from './testing/player.ts';
import { makeRig } from './testing/rig.ts';
import { codedUnits } from './testing/streams.ts';

const root = process.env.PARAVIDEO_VECTORS ?? '';

function reference(path: string): string[] {
  const args = ['-v', 'quiet', '-flags', 'unaligned', '-i', path, '-autoscale', '0', '-fps_mode', 'passthrough'];
  return execFileSync('ffmpeg', [...args, '-vf', 'format=yuv420p|yuvj420p', '-f', 'framemd5', '-'], { encoding: 'latin1' })
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.slice(line.lastIndexOf(',') + 1).trim());
}

const files = VIDEO_CODECS.flatMap((codec) => {
  const folder = join(root, codec);
  if (root === '' || !existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => !name.endsWith('.md5'))
    .map((name) => [codec, name] as const);
});

describe.skipIf(files.length === 0)('streams of PARAVIDEO_VECTORS (skipped where it names no folder of them)', () => {
  it.each(files)('%s %s: every picture is that of the ffmpeg command', async (codec, name) => {
    const path = join(root, codec, name);
    await using rig = makeRig();
    await using player = new Player(rig, codec);
    await player.play(codedUnits(codec, readFileSync(path)));
    expect(player.pictures.map(({ md5 }) => md5)).toEqual(reference(path));
  });
  it('has streams', () => expect(files.length).toBeGreaterThan(0));
});
