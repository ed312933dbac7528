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
  V4L2_PIX_FMT_NV12,
  V4L2_PIX_FMT_NV12M,
  V4L2_PIX_FMT_RGB24,
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
import { openMediaFile } from './index.ts';
import { colorimetry, shownSize } from './media-file-source.ts';
import { MEDIA_FORMATS } from './media-layout.ts';

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
    expect(source.capabilities.formats).toEqual(MEDIA_FORMATS);
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
    for (const fourcc of MEDIA_FORMATS) expect(await frames(source, fourcc, 50, 34, 1)).toHaveLength(1);
  });

  it('is shared: two streams of one layout get the same frames', async () => {
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
