// SPDX-License-Identifier: Apache-2.0
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  alignedLayout,
  type ColourPlane,
  FORMATS,
  fitsInto,
  fourcc,
  fourccName,
  isWhole,
  MAX_DIMENSION,
  MAX_LINE_PADDING,
  MIN_CODED_SIZE,
  type PictureLayout,
  pictureLayout,
  toldLayout,
} from './index.ts';

/** What V4L2 says of each memory plane. */
function memoryPlanes(layout: PictureLayout | undefined) {
  return layout?.sizes.map((sizeImage, i) => ({
    bytesPerLine: layout.colours.find(({ buffer }) => buffer === i)?.stride,
    sizeImage,
  }));
}

/** Bytes that a naive writer of every sample of a picture touches, per memory plane: what `sizeImage` must hold. */
function touched(code: string, width: number, height: number, bytesPerLine?: number): number[] {
  const layout = pictureLayout(fourcc(code), width, height, bytesPerLine);
  if (layout === undefined) return [];
  const ends = layout.sizes.map(() => 0);
  for (const plane of layout.colours) {
    const last = plane.offset + (plane.rows - 1) * plane.stride + plane.lineBytes;
    ends[plane.buffer] = Math.max(ends[plane.buffer] ?? 0, last);
  }
  return ends;
}

describe('pictureLayout', () => {
  it.each([
    ['NV12', 640, 480, [[640, 460800]]],
    [
      'NM12',
      640,
      480,
      [
        [640, 307200],
        [640, 153600],
      ],
    ],
    ['YU12', 640, 480, [[640, 460800]]],
    [
      'YM12',
      640,
      480,
      [
        [640, 307200],
        [320, 76800],
        [320, 76800],
      ],
    ],
    ['YV12', 640, 480, [[640, 460800]]],
    ['NV21', 640, 480, [[640, 460800]]],
    ['YUYV', 640, 480, [[1280, 614400]]],
    ['UYVY', 640, 480, [[1280, 614400]]],
    ['RGB3', 640, 480, [[1920, 921600]]],
    ['BGR3', 640, 480, [[1920, 921600]]],
    ['XR24', 640, 480, [[2560, 1228800]]],
    ['XB24', 640, 480, [[2560, 1228800]]],
    ['GREY', 640, 480, [[640, 307200]]],
    ['Y10', 640, 480, [[1280, 614400]]],
    ['P010', 640, 480, [[1280, 921600]]],
    ['NV16', 640, 480, [[640, 614400]]],
    [
      'NM16',
      640,
      480,
      [
        [640, 307200],
        [640, 307200],
      ],
    ],
    ['422P', 640, 480, [[640, 614400]]],
    ['NV24', 640, 480, [[640, 921600]]],
    [
      'YM24',
      640,
      480,
      [
        [640, 307200],
        [640, 307200],
        [640, 307200],
      ],
    ],
  ])('lays out %s at %i x %i as V4L2 documents it', (code, width, height, planes) => {
    const layout = pictureLayout(fourcc(code), width, height);
    expect(memoryPlanes(layout)?.map((plane) => [plane.bytesPerLine, plane.sizeImage])).toEqual(planes);
  });

  it('rounds chroma up at odd sizes, and keeps the chroma stride a plain fraction of the luma stride', () => {
    expect(memoryPlanes(pictureLayout(fourcc('NV12'), 33, 17))).toEqual([{ bytesPerLine: 34, sizeImage: 34 * 17 + 34 * 9 }]);
    expect(memoryPlanes(pictureLayout(fourcc('YM12'), 33, 17))).toEqual([
      { bytesPerLine: 34, sizeImage: 34 * 17 },
      { bytesPerLine: 17, sizeImage: 17 * 9 },
      { bytesPerLine: 17, sizeImage: 17 * 9 },
    ]);
    expect(memoryPlanes(pictureLayout(fourcc('YUYV'), 33, 17))).toEqual([{ bytesPerLine: 68, sizeImage: 68 * 17 }]);
    expect(memoryPlanes(pictureLayout(fourcc('P010'), 33, 17))).toEqual([{ bytesPerLine: 68, sizeImage: 68 * 17 + 68 * 9 }]);
    expect(memoryPlanes(pictureLayout(fourcc('NV24'), 33, 17))).toEqual([{ bytesPerLine: 33, sizeImage: 33 * 17 + 66 * 17 }]);
  });

  it('honours a longer line within limits, and corrects one that is too short or too long', () => {
    expect(pictureLayout(fourcc('NV12'), 64, 48, 100)?.colours[0]?.stride).toBe(100);
    expect(pictureLayout(fourcc('NV12'), 64, 48, 101)?.colours[0]?.stride).toBe(102);
    expect(pictureLayout(fourcc('NM12'), 64, 48, 128)?.colours.map((plane) => plane.stride)).toEqual([128, 128]);
    expect(pictureLayout(fourcc('YUYV'), 64, 48, 3)?.colours[0]?.stride).toBe(128);
    expect(pictureLayout(fourcc('GREY'), 64, 48, 0xffff_ffff)?.colours[0]?.stride).toBe(64 + MAX_LINE_PADDING);
  });

  it('has one plane without lines for coded formats, never below a floor', () => {
    expect(memoryPlanes(pictureLayout(fourcc('H264'), 320, 240))).toEqual([{ bytesPerLine: 0, sizeImage: MIN_CODED_SIZE }]);
    expect(pictureLayout(fourcc('MJPG'), 4096, 2160)?.sizes[0]).toBeGreaterThan(MIN_CODED_SIZE);
  });

  it.each([
    [0, 480],
    [640, 0],
    [MAX_DIMENSION + 1, 480],
    [640, 0xffff_ffff],
    [1.5, 480],
    [Number.NaN, 480],
  ])('refuses a picture of %d x %d', (width, height) => {
    expect(pictureLayout(fourcc('NV12'), width, height)).toBeUndefined();
  });

  it('refuses a format that it does not know', () => {
    expect(pictureLayout(fourcc('ZZZZ'), 640, 480)).toBeUndefined();
  });

  it('has room for every sample of every raw format, at any size and line length, and stays below 4 GiB (P19)', () => {
    const raw = FORMATS.filter((info) => info.colourPlanes.length > 0).map((info) => fourccName(info.fourcc));
    const size = fc.integer({ min: 1, max: MAX_DIMENSION });
    fc.assert(
      fc.property(fc.constantFrom(...raw), size, size, fc.integer({ min: 0, max: 0xffff_ffff }), (code, width, height, line) => {
        const layout = pictureLayout(fourcc(code), width, height, line);
        const sizes = layout?.sizes ?? [];
        const ends = touched(code, width, height, line);
        expect(ends).toHaveLength(sizes.length);
        for (const [i, end] of ends.entries()) expect(sizes[i]).toBeGreaterThanOrEqual(end);
        for (const bytes of sizes) expect(bytes).toBeLessThan(2 ** 32);
      }),
      { numRuns: 500 },
    );
  });

  it('gives the same layout when it is asked for what it answered', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...FORMATS.map((info) => info.fourcc)),
        fc.integer({ min: 1, max: 5000 }),
        fc.integer({ min: 1, max: 5000 }),
        fc.integer({ min: 0, max: 100_000 }),
        (format, width, height, line) => {
          const first = pictureLayout(format, width, height, line);
          expect(pictureLayout(format, width, height, first?.colours[0]?.stride)).toEqual(first);
        },
      ),
    );
  });
});

describe('alignedLayout', () => {
  it('pads lines, columns and the beginnings of planes, chroma in proportion', () => {
    expect(alignedLayout(fourcc('YU12'), 30, 17, { stride: 64, height: 16, plane: 4096 })).toEqual({
      fourcc: fourcc('YU12'),
      width: 30,
      height: 17,
      colours: [
        { buffer: 0, offset: 0, stride: 64, rows: 17, lineBytes: 30 },
        { buffer: 0, offset: 4096, stride: 32, rows: 9, lineBytes: 15 },
        { buffer: 0, offset: 8192, stride: 32, rows: 9, lineBytes: 15 },
      ],
      sizes: [8192 + 32 * 16],
    });
  });

  it('has no answer for strides that chroma cannot be in proportion to, coded and unknown formats, and sizes beyond the limit', () => {
    const none = { stride: 1, height: 1, plane: 1 };
    expect(alignedLayout(fourcc('NV12'), 33, 17, none)).toBeUndefined();
    expect(alignedLayout(fourcc('NV12'), 33, 17, { ...none, stride: 2 })).toEqual(pictureLayout(fourcc('NV12'), 33, 17));
    expect(alignedLayout(fourcc('H264'), 32, 16, none)).toBeUndefined();
    expect(alignedLayout(fourcc('ZZZZ'), 32, 16, none)).toBeUndefined();
    expect(alignedLayout(fourcc('NV12'), MAX_DIMENSION + 2, 16, none)).toBeUndefined();
  });
});

describe('toldLayout', () => {
  it('finds the colour planes of every format where pictureLayout has put them, from strides and sizes alone', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...FORMATS.map((info) => info.fourcc)),
        fc.integer({ min: 1, max: 5000 }),
        fc.integer({ min: 1, max: 5000 }),
        fc.integer({ min: 0, max: 20_000 }),
        (format, width, height, line) => {
          const layout = pictureLayout(format, width, height, line) as PictureLayout;
          const strides = memoryPlanes(layout)?.map((plane) => plane.bytesPerLine ?? 0) ?? [];
          expect(toldLayout(format, width, height, strides, layout.sizes)).toEqual(layout);
        },
      ),
    );
  });

  it('keeps the sizes that it was told, and takes each buffer of an unknown format for one plane', () => {
    expect(toldLayout(fourcc('NV12'), 64, 48, [64], [9000])).toMatchObject({ colours: [{}, { offset: 64 * 48 }], sizes: [9000] });
    expect(toldLayout(fourcc('ZZZZ'), 64, 48, [64, 32], [3072, 1536]).colours).toEqual([
      { buffer: 0, offset: 0, stride: 64, rows: 48, lineBytes: 64 },
      { buffer: 1, offset: 0, stride: 32, rows: 48, lineBytes: 32 },
    ]);
  });
});

describe('isWhole', () => {
  const whole = pictureLayout(fourcc('NM12'), 64, 48) as PictureLayout;
  const [luma, chroma] = whole.colours as [ColourPlane, ColourPlane];

  it('is true of what pictureLayout makes, coded data too', () => {
    for (const { fourcc: format } of FORMATS) expect(isWhole(pictureLayout(format, 33, 17) as PictureLayout)).toBe(true);
  });

  it.each<[string, Partial<PictureLayout>]>([
    ['a plane is missing', { colours: [luma] }],
    ['a line is too short for its samples', { colours: [luma, { ...chroma, stride: 63 }] }],
    ['a plane ends behind its buffer', { colours: [luma, { ...chroma, offset: 1 }] }],
    ['a buffer is missing', { sizes: whole.sizes.slice(0, 1) }],
    ['the format is unknown', { fourcc: fourcc('ZZZZ') }],
  ])('is false where %s', (_, change) => {
    expect(isWhole({ ...whole, ...change })).toBe(false);
  });
});

it('a picture fits into memory that is as long, one piece for each buffer', () => {
  const layout = pictureLayout(fourcc('NM12'), 64, 48) as PictureLayout;
  const memory = layout.sizes.map((length) => ({ length }));
  expect(fitsInto(layout, memory)).toBe(true);
  expect(fitsInto(layout, memory.slice(0, 1))).toBe(false);
  expect(fitsInto(layout, [...memory, { length: 1 }])).toBe(false);
  expect(fitsInto(layout, [memory[0] as { length: number }, { length: (layout.sizes[1] ?? 0) - 1 }])).toBe(false);
});
