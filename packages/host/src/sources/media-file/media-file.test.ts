// SPDX-License-Identifier: Apache-2.0
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  type Frame,
  type FrameSource,
  pictureLayout,
  SharedSource,
  SourceError,
  V4L2_COLORSPACE_BT2020,
  V4L2_COLORSPACE_DCI_P3,
  V4L2_COLORSPACE_REC709,
  V4L2_COLORSPACE_SMPTE170M,
  V4L2_PIX_FMT_GREY,
  V4L2_PIX_FMT_NV12,
  V4L2_PIX_FMT_NV12M,
  V4L2_PIX_FMT_RGB24,
  V4L2_PIX_FMT_UYVY,
  V4L2_PIX_FMT_YUYV,
  V4L2_PIX_FMT_YVU420,
  V4L2_XFER_FUNC_709,
  V4L2_XFER_FUNC_SMPTE2084,
  V4L2_XFER_FUNC_SRGB,
  V4L2_YCBCR_ENC_601,
  V4L2_YCBCR_ENC_709,
} from '@paravideo/core';
import { PNG } from 'pngjs';
import { afterAll, describe, expect, it } from 'vitest';
import { openDescriptors, viewAt } from '../../sys/index.ts';
import { RAW_FORMATS } from '../scaling/raw-pictures.ts';
import { openMediaFile } from './index.ts';
import { colorimetry, displaySize, shownSize } from './media-file-source.ts';

const fixture = (name: string): string => fileURLToPath(new URL(`../../../fixtures/${name}`, import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'paravideo-media-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** A picture whose left half is pure red and whose right half is pure blue. */
function picture(): string {
  const png = new PNG({ width: 64, height: 32 });
  for (let i = 0; i < 64 * 32; i += 1) png.data.set(i % 64 < 32 ? [255, 0, 0, 255] : [0, 0, 255, 255], 4 * i);
  const path = join(folder, 'picture.png');
  writeFileSync(path, PNG.sync.write(png));
  return path;
}

/** The first `count` frames of a format, their planes copied. */
async function frames(source: FrameSource, fourcc: number, width: number, height: number, count: number): Promise<Buffer[][]> {
  const layout = pictureLayout(fourcc, width, height);
  if (layout === undefined) throw new TypeError('no layout');
  const got: Buffer[][] = [];
  await new Promise<void>((resolve, reject) => {
    const stream = source.start(
      { layout, interval: { numerator: 1, denominator: 60 } },
      {
        wantsFrame: () => true,
        lost: (reason) => reject(new TypeError(`lost: ${reason}`)),
        frame: (frame: Frame) => {
          if (got.length >= count) return;
          got.push(
            frame.planes.map((plane) => Buffer.from(plane.kind === 'bytes' ? plane.bytes : viewAt(plane.address, plane.length))),
          );
          if (got.length < count) return;
          stream[Symbol.dispose]();
          resolve();
        },
      },
    );
  });
  return got;
}

describe('a media file as a camera', () => {
  it.each(['h264-b-frames.h264', 'vp9-resized.ivf', 'av1.ivf', 'mpeg2-interlaced.m2v', 'mjpeg.mjpeg'])(
    'shows %s, over and over',
    async (name) => {
      await using source = new SharedSource(await openMediaFile(fixture(name)));
      expect(source.capabilities.card).toBe(name);
      // 90 frames of 1/60 s are more than the file has.
      const seen = await frames(source, V4L2_PIX_FMT_NV12, 96, 64, 90);
      expect(new Set(seen.map((planes) => planes[0]?.toString('base64'))).size).toBeGreaterThan(2);
    },
  );

  it('shows a picture in every format, in its colours', async () => {
    await using source = new SharedSource(await openMediaFile(picture()));
    expect(source.capabilities.defaultSize).toEqual({ width: 64, height: 32 });
    expect(source.capabilities.formats).toEqual(RAW_FORMATS);
    const [rgb] = await frames(source, V4L2_PIX_FMT_RGB24, 40, 20, 1);
    const pixel = (x: number): number[] => [...(rgb?.[0]?.subarray(3 * (10 * 40 + x), 3 * (10 * 40 + x) + 3) ?? [])];
    for (const [i, value] of [255, 0, 0].entries()) expect(Math.abs((pixel(4)[i] ?? -99) - value)).toBeLessThan(6);
    for (const [i, value] of [0, 0, 255].entries()) expect(Math.abs((pixel(35)[i] ?? -99) - value)).toBeLessThan(6);
    // Rec. 601, limited range: red is 81 90 240.
    const [planar] = await frames(source, V4L2_PIX_FMT_YVU420, 64, 32, 1);
    const near = (at: number): number => planar?.[0]?.[at] ?? -99;
    expect(Math.abs(near(5) - 81)).toBeLessThan(4);
    expect(Math.abs(near(64 * 32 + 3) - 240)).toBeLessThan(4);
    expect(Math.abs(near(64 * 32 + 32 * 16 + 3) - 90)).toBeLessThan(4);
    const [two] = await frames(source, V4L2_PIX_FMT_NV12M, 64, 32, 1);
    expect(two?.map((plane) => plane.length)).toEqual([2048, 1024]);
    for (const fourcc of RAW_FORMATS) expect(await frames(source, fourcc, 50, 34, 1)).toHaveLength(1);
  });

  it.each([
    ['contain', 'black red blue black'],
    ['cover', 'red red blue blue'],
    ['stretch', 'red red blue blue'],
  ] as const)('in a picture of another shape is as its fit says: %s', async (fit, expected) => {
    await using source = new SharedSource(await openMediaFile(picture(), { fit }));
    const name = ([r = 0, g = 0, b = 0]: readonly number[]): string =>
      r + g + b < 20 ? 'black' : r > 200 && b < 60 ? 'red' : b > 200 && r < 60 ? 'blue' : `${r} ${g} ${b}`;
    // The film is twice as wide as high, the picture a square: what is seen above, left, right and below of its middle.
    const places = [
      [24, 4],
      [8, 32],
      [56, 32],
      [40, 60],
    ] as const;
    const seen = new Map<string, string>();
    const [rgb] = await frames(source, V4L2_PIX_FMT_RGB24, 64, 64, 1);
    seen.set(
      'rgb',
      places.map(([x, y]) => name([...(rgb?.[0]?.subarray(3 * (64 * y + x), 3 * (64 * y + x) + 3) ?? [])])).join(' '),
    );
    expect(seen.get('rgb')).toBe(expected);
    // Black, red and blue in Y'CbCr of limited range, in formats whose planes lie otherwise.
    const luma = { black: 16, red: 81, blue: 41 };
    for (const [fourcc, at] of [
      [V4L2_PIX_FMT_NV12, (x: number, y: number) => 64 * y + x],
      [V4L2_PIX_FMT_YVU420, (x: number, y: number) => 64 * y + x],
      [V4L2_PIX_FMT_GREY, (x: number, y: number) => 64 * y + x],
      [V4L2_PIX_FMT_YUYV, (x: number, y: number) => 2 * (64 * y + x)],
      [V4L2_PIX_FMT_UYVY, (x: number, y: number) => 2 * (64 * y + x) + 1],
    ] as const) {
      const [planes] = await frames(source, fourcc, 64, 64, 1);
      for (const [i, colour] of expected.split(' ').entries()) {
        const [x, y] = places[i] ?? [0, 0];
        expect(Math.abs((planes?.[0]?.[at(x, y)] ?? -99) - luma[colour as keyof typeof luma])).toBeLessThan(4);
      }
    }
    if (fit !== 'contain') return;
    const [black] = await frames(source, V4L2_PIX_FMT_NV12, 64, 64, 1);
    expect([...(black?.[0]?.subarray(64 * 64, 64 * 64 + 64) ?? [])]).toEqual(Array(64).fill(128));
  });

  it('is as wide as its pixels make it, also when these change on the way', async () => {
    await using source = new SharedSource(await openMediaFile(fixture('h264-looks.h264')));
    expect(source.capabilities.defaultSize).toEqual({ width: 64, height: 64 });
    const seen = await frames(source, V4L2_PIX_FMT_NV12, 64, 64, 30);
    const black = (planes: Buffer[], y: number): boolean =>
      planes[0]?.subarray(64 * y, 64 * y + 64).every((l) => l === 16) === true;
    // Squares at first; later four wide for three high: 48 lines of film.
    const bars = seen.filter((planes) => black(planes, 0) && black(planes, 7) && black(planes, 56) && black(planes, 63));
    expect([bars.length > 0, bars.length < seen.length]).toEqual([true, true]);
    expect(bars.some((planes) => black(planes, 8) || black(planes, 55))).toBe(false);
  });

  it('gives two streams of one layout the same frames', async () => {
    await using source = new SharedSource(await openMediaFile(fixture('h264-b-frames.h264')));
    const [a, b] = await Promise.all([
      frames(source, V4L2_PIX_FMT_NV12, 64, 48, 10),
      frames(source, V4L2_PIX_FMT_NV12, 64, 48, 10),
    ]);
    expect(a).toEqual(b);
  });

  it('refuses what is no video, and a file that is not there', async () => {
    const path = join(folder, 'text.txt');
    writeFileSync(path, 'no video at all\n'.repeat(100));
    await expect(openMediaFile(path)).rejects.toThrow(SourceError);
    await expect(openMediaFile(join(folder, 'absent'))).rejects.toThrow(/ENOENT/);
  });

  it('does not follow a playlist to another file', async () => {
    const path = join(folder, 'list.m3u8');
    writeFileSync(path, `#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n${fixture('h264-b-frames.h264')}\n#EXT-X-ENDLIST\n`);
    await expect(openMediaFile(path)).rejects.toThrow(/cannot be shown/);
  });

  it('goes on with a new process when its own dies, and leaves nothing behind', async () => {
    const before = openDescriptors();
    const pids: number[] = [];
    const quiet = { debug: () => {}, info: () => {}, error: () => {}, warn: () => {} };
    const log = { ...quiet, debug: (fields: object) => void pids.push((fields as { pid: number }).pid) };
    const source = new SharedSource(await openMediaFile(fixture('h264-b-frames.h264'), { log }));
    await frames(source, V4L2_PIX_FMT_NV12, 64, 48, 3);
    const going = frames(source, V4L2_PIX_FMT_NV12, 64, 48, 40);
    process.kill(pids[0] ?? 0, 'SIGKILL');
    expect(await going).toHaveLength(40);
    expect(pids).toHaveLength(2);
    await source[Symbol.asyncDispose]();
    await expect.poll(openDescriptors).toBe(before);
  });
});

describe('the size of a film that is shown', () => {
  it.each([
    ['7680x4320', '3840x2160'],
    ['4320x7680', '1214x2160'],
    ['4096x2160', '4096x2160'],
    ['1279x721', '1278x720'],
    ['8x4', '32x16'],
    ['10000x10', '4096x16'],
  ])('%s becomes %s', (film, shown) => {
    const [width = 0, height = 0] = film.split('x').map(Number);
    const size = shownSize({ width, height });
    expect(`${size.width}x${size.height}`).toBe(shown);
  });
});

describe('the size of a film whose pixels are made squares', () => {
  it.each([
    [720, 576, 64, 45, '1024x576'],
    [720, 480, 8, 9, '720x540'],
    [1920, 1080, 1, 1, '1920x1080'],
  ])('%ix%i of %i:%i becomes %s', (width, height, aspectNumerator, aspectDenominator, shown) => {
    const size = displaySize({ width, height, aspectNumerator, aspectDenominator });
    expect(`${size.width}x${size.height}`).toBe(shown);
  });
});

describe('the colours of a film', () => {
  it.each([
    ['nothing said', { primaries: 2, transfer: 2, matrix: 2 }, V4L2_COLORSPACE_SMPTE170M, V4L2_XFER_FUNC_709, V4L2_YCBCR_ENC_601],
    ['Rec. 709', { primaries: 1, transfer: 1, matrix: 1 }, V4L2_COLORSPACE_REC709, V4L2_XFER_FUNC_709, V4L2_YCBCR_ENC_709],
    ['Display P3', { primaries: 12, transfer: 13, matrix: 1 }, V4L2_COLORSPACE_DCI_P3, V4L2_XFER_FUNC_SRGB, V4L2_YCBCR_ENC_709],
    ['PQ', { primaries: 9, transfer: 16, matrix: 9 }, V4L2_COLORSPACE_BT2020, V4L2_XFER_FUNC_SMPTE2084, V4L2_YCBCR_ENC_601],
  ])('are announced as they are in the pictures: %s', (_name, said, colorspace, xferFunc, ycbcrEnc) => {
    expect(colorimetry(said)).toEqual({ colorspace, xferFunc, ycbcrEnc, quantization: 0 });
  });
});
