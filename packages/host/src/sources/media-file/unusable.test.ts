// SPDX-License-Identifier: Apache-2.0
/** What is said of files that cannot be shown, and of films that are too much for the machine. The ffmpeg command makes them. */
import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SharedSource, SourceError } from '@paravideo/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDescriptors } from '../../sys/index.ts';
import { openMediaFile } from './index.ts';
import { avifGrid } from './testing/avif-grid.ts';

const FIXTURE = fileURLToPath(new URL('../../../fixtures/h264-b-frames.h264', import.meta.url));
/** 25 frames a second, each with a timestamp */
const FILM = fileURLToPath(new URL('../../../fixtures/av1.ivf', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'paravideo-unusable-'));
const inFolder = (name: string): string => join(folder, name);
const ffmpeg = (...args: string[]): void => void execFileSync('ffmpeg', ['-nostdin', '-v', 'error', '-y', ...args]);
afterAll(() => rmSync(folder, { recursive: true }));

beforeAll(() => {
  ffmpeg('-i', FIXTURE, '-c', 'copy', inFolder('whole.mp4'));
  ffmpeg('-i', FIXTURE, '-c', 'copy', '-movflags', '+faststart', inFolder('index-first.mp4'));
  const whole = readFileSync(inFolder('whole.mp4'));
  writeFileSync(inFolder('cut.mp4'), whole.subarray(0, whole.length / 2));
  writeFileSync(inFolder('cut-index.mp4'), readFileSync(inFolder('index-first.mp4')).subarray(0, 200));
  const key = '00112233445566778899aabbccddeeff';
  const scheme = ['-encryption_scheme', 'cenc-aes-ctr', '-encryption_key', key, '-encryption_kid', key];
  ffmpeg('-i', FIXTURE, '-c', 'copy', ...scheme, inFolder('locked.mp4'));
  ffmpeg('-f', 'lavfi', '-i', 'sine=duration=1', inFolder('sound.wav'));
  writeFileSync(inFolder('letter.txt'), 'no film at all\n'.repeat(100));
  writeFileSync(inFolder('empty.mp4'), '');
  // An index of pictures that are not there.
  const blank = Buffer.from(whole);
  blank.fill(0, blank.indexOf('mdat') + 4, blank.indexOf('moov') - 4);
  writeFileSync(inFolder('blank.mp4'), blank);
  const still = ['-frames:v', '1', '-c:v', 'libaom-av1', '-still-picture', '1', '-cpu-used', '8'];
  ffmpeg('-f', 'lavfi', '-i', 'testsrc2=size=64x64:rate=1', ...still, inFolder('tile.avif'));
  writeFileSync(inFolder('grid.avif'), avifGrid(readFileSync(inFolder('tile.avif'))));
  mkdirSync(inFolder('folder'));
  execFileSync('mkfifo', [inFolder('fifo')]);
});

describe('a file that cannot be shown', () => {
  it.each([
    ['cut.mp4', /ends in the middle, and its index is missing: copy or record it again/],
    ['cut-index.mp4', /ends in the middle, and its index is missing: copy or record it again/],
    ['locked.mp4', /it is encrypted: give a copy without protection/],
    ['grid.avif', /put together from tiles \(an image grid of HEIF or AVIF\).*: convert it to PNG or JPEG/],
    ['sound.wav', /it has no video stream, only sound or text: give a file with pictures/],
    ['letter.txt', /it is no film and no picture of a kind that is known here: give another file/],
    ['empty.mp4', /it is empty: give a file/],
    ['blank.mp4', /no picture of its video stream can be decoded/],
    ['folder', /it is a folder: give a file with a film or a picture/],
    ['absent.mp4', /there is no such file \(ENOENT\): look at its name/],
    ['fifo', /it is a FIFO, and a film is read again from its beginning: give a file/],
  ])('is refused with the reason and what to do: %s', async (name, message) => {
    const before = openDescriptors();
    const refused = openMediaFile(inFolder(name));
    await expect(refused).rejects.toThrow(SourceError);
    await expect(refused).rejects.toThrow(`${inFolder(name)} cannot be shown: `);
    await expect(refused).rejects.toThrow(message);
    await expect.poll(openDescriptors).toBe(before);
  });

  it('is not taken for one if it is a single tile', async () => {
    await using source = new SharedSource(await openMediaFile(inFolder('tile.avif')));
    expect(source.capabilities.defaultSize).toEqual({ width: 64, height: 64 });
  });

  it('is not taken for one if it is whole, wherever its index is', async () => {
    for (const name of ['whole.mp4', 'index-first.mp4']) {
      await using source = new SharedSource(await openMediaFile(inFolder(name)));
      expect(source.capabilities.defaultSize).toEqual({ width: 320, height: 180 });
    }
  });
});

/** Runs the reader of a film with a clock on which every look at it takes so many milliseconds; answers the frames that it shows at `times`. */
function shown(path: string, millis: number, times: readonly number[]): number[] {
  const module = (name: string): string => JSON.stringify(new URL(`../../../dist/${name}`, import.meta.url).href);
  const script = `
    const { loadAv } = await import(${module('av/node-av.js')});
    const { MediaReader } = await import(${module('sources/media-file/process/media-reader.js')});
    let now = 0;
    performance.now = () => (now += ${millis});
    const reader = new MediaReader(await loadAv(), 1);
    const stamps = ${JSON.stringify(times)}.map((time) => Number(reader.frameAt(time).bestEffortTimestamp));
    process.stdout.write(JSON.stringify(stamps));`;
  const film = openSync(path, 'r');
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    stdio: [film, 'pipe', 'pipe'],
  });
  closeSync(film);
  if (stdout.length === 0) expect.unreachable(stderr.toString());
  return JSON.parse(stdout.toString()) as number[];
}

describe('a film', () => {
  const seconds = (...times: number[]): number[] => times.map((time) => time * 1e6);

  it('that is too much for the machine is shown more slowly, each picture as soon as it is there', () => {
    const [first = 0, ...rest] = shown(FILM, 100, seconds(0, 5, 5.05, 5.1, 20, 20));
    const step = (rest[0] ?? 0) - first;
    expect(rest.map((stamp) => (stamp - first) / step)).toEqual([1, 2, 3, 4, 4]);
  });

  it('that is not too much catches up after a pause', () => {
    const [first = 0, ...rest] = shown(FILM, 0, seconds(0, 0.04, 0.3));
    const step = (rest[0] ?? 0) - first;
    expect(rest.map((stamp) => (stamp - first) / step)).toEqual([1, 7]);
  });
});
