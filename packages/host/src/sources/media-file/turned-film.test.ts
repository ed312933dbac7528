// SPDX-License-Identifier: Apache-2.0
/** Films and photographs that say that they are to be turned. The ffmpeg command makes them, and this file says how they lie. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  FITS,
  type Fit,
  pictureLayout,
  SharedSource,
  V4L2_PIX_FMT_GREY,
  V4L2_PIX_FMT_NV12,
  V4L2_PIX_FMT_RGB24,
  V4L2_PIX_FMT_YUYV,
} from '@paravideo/core';
import { PNG } from 'pngjs';
import { afterAll, describe, expect, it } from 'vitest';
import { viewAt } from '../../sys/index.ts';
import { openMediaFile } from './index.ts';
import { oriented } from './testing/oriented.ts';

const folder = mkdtempSync(join(tmpdir(), 'paravideo-turned-'));
afterAll(() => rmSync(folder, { recursive: true }));
const inFolder = (name: string): string => join(folder, name);
const ffmpeg = (...args: string[]): void => void execFileSync('ffmpeg', ['-nostdin', '-v', 'error', '-y', ...args]);

const COLOURS = { red: [255, 0, 0], green: [0, 255, 0], blue: [0, 0, 255], white: [255, 255, 255], black: [0, 0, 0] } as const;
type Colour = keyof typeof COLOURS;
/** Luma of limited range, Rec. 601 */
const LUMA: Record<Colour, number> = { red: 81, green: 145, blue: 41, white: 235, black: 16 };

/** A picture of 128 x 64 with a colour in each quarter: red and green above, blue and white below. */
function quarters(): string {
  const png = new PNG({ width: 128, height: 64 });
  for (let y = 0; y < 64; y += 1) {
    for (let x = 0; x < 128; x += 1) {
      const colour = y < 32 ? (x < 64 ? 'red' : 'green') : x < 64 ? 'blue' : 'white';
      png.data.set([...COLOURS[colour], 255], 4 * (128 * y + x));
    }
  }
  writeFileSync(inFolder('quarters.png'), PNG.sync.write(png));
  return inFolder('quarters.png');
}

/** A film of that picture whose header has this matrix: a, b, c, d of a display matrix. */
function film(name: string, matrix: readonly number[], ...args: string[]): string {
  const path = inFolder(name);
  ffmpeg('-loop', '1', '-i', quarters(), '-frames:v', '3', ...args, '-c:v', 'mjpeg', '-q:v', '1', '-pix_fmt', 'yuvj444p', path);
  const bytes = readFileSync(path);
  const [a = 1, b = 0, c = 0, d = 1] = matrix;
  // The matrix of the track's header box is 40 bytes behind its name, and behind its version and flags.
  const at = bytes.indexOf('tkhd') + 4 + 40;
  for (const [i, value] of [a, b, 0, c, d].entries()) bytes.writeInt32BE(value * 0x10000, at + 4 * i);
  writeFileSync(path, bytes);
  return path;
}

/** The same as a photograph whose EXIF data says how it lies. */
function photograph(orientation: number): string {
  const path = inFolder(`photograph-${orientation}.jpg`);
  ffmpeg('-i', quarters(), '-q:v', '1', '-pix_fmt', 'yuvj444p', path);
  writeFileSync(path, oriented(readFileSync(path), orientation));
  return path;
}

/** The first frame in a format and a size, its one plane copied. */
async function frame(source: SharedSource, fourcc: number, width: number, height: number): Promise<Buffer> {
  const layout = pictureLayout(fourcc, width, height);
  if (layout === undefined) throw new TypeError('no layout');
  return new Promise((resolve, reject) => {
    let got = false;
    const stream = source.start(
      { layout, interval: { numerator: 1, denominator: 30 } },
      {
        wantsFrame: () => !got,
        lost: (reason) => reject(new TypeError(`lost: ${reason}`)),
        frame: ({ planes: [plane] }) => {
          if (plane === undefined) return;
          got = true;
          resolve(Buffer.from(plane.kind === 'bytes' ? plane.bytes : viewAt(plane.address, plane.length)));
          void Promise.resolve().then(() => stream[Symbol.dispose]());
        },
      },
    );
  });
}

function nameOf([r = 0, g = 0, b = 0]: Uint8Array): string {
  const found = Object.entries(COLOURS).find(([, [x, y, z]]) => Math.max(Math.abs(r - x), Math.abs(g - y), Math.abs(b - z)) < 24);
  return found?.[0] ?? `${r} ${g} ${b}`;
}

/** The colours near the corners of an RGB picture: above, then below. */
function corners(rgb: Buffer, width: number, height: number): string {
  const at = (x: number, y: number): string => nameOf(rgb.subarray(3 * (width * y + x)));
  const [right, bottom] = [width - 5, height - 5];
  return [at(4, 4), at(right, 4), at(4, bottom), at(right, bottom)].join(' ');
}

const QUARTER = [0, 1, -1, 0];

describe('a film that is to be turned', () => {
  it.each([
    ['not at all', [1, 0, 0, 1], 'red green blue white'],
    ['a quarter to the right', QUARTER, 'blue red white green'],
    ['half', [-1, 0, 0, -1], 'white blue green red'],
    ['a quarter to the left', [0, -1, 1, 0], 'green white red blue'],
    ['over, as in a mirror', [-1, 0, 0, 1], 'green red white blue'],
    ['over, and a quarter', [0, 1, 1, 0], 'red blue green white'],
  ] as const)('is upright, in its size and in others, if it is to be turned %s', async (name, matrix, expected) => {
    await using source = new SharedSource(await openMediaFile(film(`${name.length}.mp4`, matrix)));
    const lies = matrix[0] === 0;
    const size = lies ? { width: 64, height: 128 } : { width: 128, height: 64 };
    expect(source.capabilities.defaultSize).toEqual(size);
    for (const scale of [1, 1.5]) {
      const [width, height] = [size.width * scale, size.height * scale];
      expect(corners(await frame(source, V4L2_PIX_FMT_RGB24, width, height), width, height), `at ${scale}`).toBe(expected);
    }
  });

  it('is upright in formats whose samples of chroma stand for several pixels', async () => {
    await using source = new SharedSource(await openMediaFile(film('formats.mp4', QUARTER)));
    const colours: readonly Colour[] = ['blue', 'red', 'white', 'green'];
    for (const [fourcc, bytes] of [
      [V4L2_PIX_FMT_NV12, 1],
      [V4L2_PIX_FMT_GREY, 1],
      [V4L2_PIX_FMT_YUYV, 2],
    ] as const) {
      const plane = await frame(source, fourcc, 64, 128);
      const seen = [4, 60, 64 * 120 + 4, 64 * 120 + 60].map((at) => plane[at * bytes] ?? -99);
      for (const [i, colour] of colours.entries()) expect(Math.abs((seen[i] ?? 0) - LUMA[colour])).toBeLessThan(5);
    }
    // Chroma of Rec. 601 in the quarter that is red: 90 and 240.
    const nv12 = await frame(source, V4L2_PIX_FMT_NV12, 64, 128);
    const red = 64 * 128 + 64 * 8 + 48;
    expect([Math.abs((nv12[red] ?? 0) - 90) < 5, Math.abs((nv12[red + 1] ?? 0) - 240) < 5]).toEqual([true, true]);
  });

  it.each(FITS)('is placed by its shape when it is upright: %s', async (fit: Fit) => {
    await using source = new SharedSource(await openMediaFile(film('fit.mp4', QUARTER), { fit }));
    const rgb = await frame(source, V4L2_PIX_FMT_RGB24, 128, 128);
    const [left, middle] = [rgb.subarray(3 * (128 * 16 + 8)), rgb.subarray(3 * (128 * 16 + 48))].map(nameOf);
    // 64 of 128 pixels wide, between black: all of it; or its middle, or all of it, over the whole width.
    expect([left, middle]).toEqual(fit === 'contain' ? ['black', 'blue'] : ['blue', 'blue']);
  });

  it('has pixels that are turned with it', async () => {
    await using source = new SharedSource(await openMediaFile(film('pixels.mp4', QUARTER, '-vf', 'setsar=2/1')));
    // Lying it is 256 wide and 64 high, the way in which it is seen.
    expect(source.capabilities.defaultSize).toEqual({ width: 64, height: 256 });
  });
});

describe('a photograph that is to be turned', () => {
  it.each([
    [1, 'red green blue white'],
    [3, 'white blue green red'],
    [6, 'blue red white green'],
    [8, 'green white red blue'],
  ])('is upright, as its EXIF orientation %i says', async (orientation, expected) => {
    await using source = new SharedSource(await openMediaFile(photograph(orientation)));
    const { width, height } = source.capabilities.defaultSize;
    expect([width, height]).toEqual(orientation > 4 ? [64, 128] : [128, 64]);
    expect(corners(await frame(source, V4L2_PIX_FMT_RGB24, width, height), width, height)).toBe(expected);
  });
});
