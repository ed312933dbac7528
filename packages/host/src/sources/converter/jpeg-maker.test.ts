// SPDX-License-Identifier: Apache-2.0
/** JPEG that is made of raw pictures, as the `ffmpeg` command reads it. */
import { spawnSync } from 'node:child_process';
import {
  type PictureLayout,
  pictureLayout,
  V4L2_PIX_FMT_GREY,
  V4L2_PIX_FMT_MJPEG,
  V4L2_PIX_FMT_NV12,
  V4L2_PIX_FMT_RGB24,
  V4L2_PIX_FMT_YUYV,
} from '@paravideo/core';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Av, loadAv } from '../../av/node-av.ts';
import type { PictureColours } from './convert-messages.ts';
import { JpegMaker } from './jpeg-maker.ts';
import { PictureConverter } from './picture-converter.ts';
import { LEAST_STEP, quantiserStep, WORST_STEP } from './quantiser-step.ts';

const LIMITED: PictureColours = { matrix: 6, fullRange: false };
const [WIDTH, HEIGHT] = [96, 64];

let av: Av;
beforeAll(async () => {
  av = await loadAv();
});

const layoutOf = (fourcc: number, width = WIDTH, height = HEIGHT): PictureLayout =>
  pictureLayout(fourcc, width, height) as PictureLayout;

/** Colours that change slowly across and down. */
function slopes(width = WIDTH, height = HEIGHT): Uint8Array {
  const bytes = new Uint8Array(3 * width * height);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) bytes.set([(255 * x) / width, (255 * y) / height, 128], 3 * (y * width + x));
  }
  return bytes;
}

/** Numbers that are the same in each run, and look like noise. */
function noise(length: number): Uint8Array {
  let state = 1;
  return Uint8Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >>> 24;
  });
}

function jpeg(from: PictureLayout, planes: readonly Uint8Array[], quality = 90, colours = LIMITED, to = from): Uint8Array {
  const layout = layoutOf(V4L2_PIX_FMT_MJPEG, to.width, to.height);
  const slot = new Uint8Array(layout.sizes[0] ?? 0);
  using maker = new JpegMaker(av, from, layout, colours, quality);
  // The second: what the first has left behind in the coder does not matter.
  maker.convert(planes, slot);
  const [bytes = 0] = maker.convert(planes, slot) ?? [];
  return slot.slice(0, bytes);
}

/** RGB of a JPEG, as ffmpeg decodes it. */
function decoded(bytes: Uint8Array): Uint8Array {
  const args = '-v error -f mjpeg -i - -f rawvideo -pix_fmt rgb24 -'.split(' ');
  const { stdout, stderr } = spawnSync('ffmpeg', args, { input: bytes, maxBuffer: 1 << 26 });
  expect(stderr.toString()).toBe('');
  return stdout;
}

/** dB, infinite for pictures that are the same */
function psnr(a: Uint8Array, b: Uint8Array): number {
  expect(a).toHaveLength(b.length);
  const squares = a.reduce((sum, value, i) => sum + (value - (b[i] ?? 0)) ** 2, 0);
  return 10 * Math.log10((255 ** 2 * a.length) / squares);
}

describe('JPEG that is made', () => {
  it('has the colours of the picture: RGB, limited range and full range alike', () => {
    const rgb = layoutOf(V4L2_PIX_FMT_RGB24);
    const picture = slopes();
    expect(psnr(decoded(jpeg(rgb, [picture])), picture)).toBeGreaterThan(34);
    for (const fourcc of [V4L2_PIX_FMT_NV12, V4L2_PIX_FMT_YUYV]) {
      for (const fullRange of [false, true]) {
        for (const matrix of [6, 1]) {
          const colours = { matrix, fullRange };
          const layout = layoutOf(fourcc);
          using raw = new PictureConverter(av, rgb, layout, colours, [{ offset: 0 }]);
          const planes = [new Uint8Array(layout.sizes[0] ?? 0)];
          raw.convert([picture], planes[0] as Uint8Array);
          const db = psnr(decoded(jpeg(layout, planes, 90, colours)), picture);
          expect(db, `${fourcc} ${fullRange} ${matrix}`).toBeGreaterThan(34);
        }
      }
    }
  });

  it.each([
    [97, 63],
    [96, 63],
    [97, 64],
  ])('has the colours of a picture of %ix%i to its last row and column', (width, height) => {
    const picture = slopes(width, height);
    expect(psnr(decoded(jpeg(layoutOf(V4L2_PIX_FMT_RGB24, width, height), [picture])), picture)).toBeGreaterThan(34);
  });

  it('of another size is scaled, with black beside a picture of another shape', () => {
    const white = new Uint8Array(3 * WIDTH * HEIGHT).fill(255);
    const bytes = decoded(jpeg(layoutOf(V4L2_PIX_FMT_RGB24), [white], 90, LIMITED, layoutOf(V4L2_PIX_FMT_RGB24, 96, 96)));
    const at = (x: number, y: number): number => bytes[3 * (y * 96 + x)] ?? -1;
    expect(at(48, 48)).toBeGreaterThan(250);
    expect(at(48, 4)).toBeLessThan(5);
    expect(at(48, 92)).toBeLessThan(5);
  });

  it('is the larger and the better, the higher its quality', () => {
    const rgb = layoutOf(V4L2_PIX_FMT_RGB24, 320, 240);
    const grain = noise(3 * 320 * 240);
    const picture = slopes(320, 240).map((value, i) => Math.min(255, value + (grain[i] ?? 0) / 16));
    const made = [5, 30, 60, 90, 100].map((quality) => jpeg(rgb, [picture], quality));
    const sizes = made.map(({ length }) => length);
    const dbs = made.map((bytes) => psnr(decoded(bytes), picture));
    expect(sizes).toEqual(sizes.toSorted((a, b) => a - b));
    expect(dbs).toEqual(dbs.toSorted((a, b) => a - b));
    expect((sizes[4] ?? 0) / (sizes[0] ?? 1)).toBeGreaterThan(4);
  });

  it('of noise is as good as there is room', () => {
    const grey = layoutOf(V4L2_PIX_FMT_GREY, 640, 480);
    const [most = 0] = layoutOf(V4L2_PIX_FMT_MJPEG, 640, 480).sizes;
    const rgb = layoutOf(V4L2_PIX_FMT_RGB24, 640, 480);
    for (const [layout, bytes] of [
      [grey, noise(640 * 480)],
      [rgb, noise(3 * 640 * 480)],
    ] as const) {
      const made = jpeg(layout, [bytes], 100);
      expect(made.length).toBeLessThanOrEqual(most);
      expect(decoded(made)).toHaveLength(3 * 640 * 480);
    }
  });

  it('has the steps of the quality that programs know', () => {
    expect([100, 90, 75, 50, 25, 1].map(quantiserStep)).toEqual([LEAST_STEP, expect.closeTo(3.2), 8, 16, WORST_STEP, WORST_STEP]);
  });
});
