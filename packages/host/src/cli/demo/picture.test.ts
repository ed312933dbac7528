// SPDX-License-Identifier: Apache-2.0
import {
  codedLayout,
  type PictureLayout,
  pictureLayout,
  V4L2_PIX_FMT_NV12,
  V4L2_PIX_FMT_NV12M,
  V4L2_PIX_FMT_YUV420,
  V4L2_PIX_FMT_YUV420M,
} from '@paravideo/core';
import { PNG } from 'pngjs';
import { describe, expect, it } from 'vitest';
import { ContactSheet } from './contact-sheet.ts';
import { type GuestPicture, type I420Picture, pictureMd5, toI420 } from './picture.ts';
import { encodePng, toRgba } from './rgb.ts';

const WIDTH = 7;
const HEIGHT = 5;
const luma = (x: number, y: number) => (16 + y * 29 + x * 3) & 0xff;
const chroma = (x: number, y: number, which: number) => (100 + y * 17 + x * 5 + which * 50) & 0xff;

/** The same 7x5 picture at (2,2) of a 16x8 buffer, in any of the four memory layouts. */
function picture(fourcc: number): GuestPicture {
  const [width, height, stride] = [16, 8, 32];
  const y = new Uint8Array(stride * height);
  for (let row = 0; row < height; row++) for (let x = 0; x < width; x++) y[row * stride + x] = luma(x - 2, row - 2);
  const plane = (step: number, of: (x: number) => [number, number]) => {
    const line = step === 2 ? stride : stride / 2;
    const bytes = new Uint8Array(line * (height / 2));
    for (let row = 0; row < height / 2; row++) {
      for (let i = 0; i < (width / 2) * step; i++) {
        const [x, which] = of(i);
        bytes[row * line + i] = chroma(x - 1, row - 1, which);
      }
    }
    return bytes;
  };
  const uv = plane(2, (i) => [i >> 1, i & 1]);
  const [u, v] = [plane(1, (i) => [i, 0]), plane(1, (i) => [i, 1])];
  const join = (...parts: Uint8Array[]) => Uint8Array.from(parts.flatMap((part) => [...part]));
  const planes = {
    [V4L2_PIX_FMT_NV12]: [join(y, uv)],
    [V4L2_PIX_FMT_NV12M]: [y, uv],
    [V4L2_PIX_FMT_YUV420]: [join(y, u, v)],
    [V4L2_PIX_FMT_YUV420M]: [y, u, v],
  }[fourcc] as Uint8Array[];
  const layout = pictureLayout(fourcc, width, height, stride) as PictureLayout;
  return { layout, planes, visible: { left: 2, top: 2, width: WIDTH, height: HEIGHT } };
}

function expected(): Uint8Array {
  const bytes: number[] = [];
  for (let y = 0; y < HEIGHT; y++) for (let x = 0; x < WIDTH; x++) bytes.push(luma(x, y));
  for (const which of [0, 1]) for (let y = 0; y < 3; y++) for (let x = 0; x < 4; x++) bytes.push(chroma(x, y, which));
  return Uint8Array.from(bytes);
}

const grey = (width: number, height: number, value: number): I420Picture => {
  const bytes = new Uint8Array(width * height + 2 * ((width + 1) >> 1) * ((height + 1) >> 1)).fill(128);
  bytes.fill(value, 0, width * height);
  return { width, height, bytes };
};

describe('a picture in a guest buffer', () => {
  it.each([
    ['NV12', V4L2_PIX_FMT_NV12],
    ['NM12', V4L2_PIX_FMT_NV12M],
    ['YU12', V4L2_PIX_FMT_YUV420],
    ['YM12', V4L2_PIX_FMT_YUV420M],
  ])('in %s gives the visible part as I420, odd sizes rounded up for chroma', (_, fourcc) => {
    expect(toI420(picture(fourcc)).bytes).toEqual(expected());
  });

  it('refuses a pixel format that it cannot read', () => {
    expect(() => toI420({ ...picture(V4L2_PIX_FMT_NV12), layout: codedLayout(0x47504a4d, 16, 8, 64) })).toThrow(/0x47504a4d/);
  });

  it('has the MD5 of its bytes', () => {
    expect(pictureMd5({ width: 1, height: 1, bytes: Uint8Array.from([0x61, 0x62, 0x63]) })).toBe(
      '900150983cd24fb0d6963f7d28e17f72',
    );
  });
});

describe('pictures as PNG', () => {
  it('have limited-range black, white and red as the same in RGB', () => {
    const red = grey(2, 2, 81);
    red.bytes.set([90, 240], 4);
    expect([...toRgba(grey(2, 2, 16)).bytes.subarray(0, 4)]).toEqual([0, 0, 0, 255]);
    expect([...toRgba(grey(2, 2, 235)).bytes.subarray(0, 4)]).toEqual([255, 255, 255, 255]);
    const [r = 0, g = 255, b = 255] = toRgba(red).bytes;
    expect(r).toBeGreaterThan(250);
    expect(Math.max(g, b)).toBeLessThan(5);
  });

  it('have the colours of the matrix that is said, or else of the one of their height', () => {
    const reds = (picture: I420Picture): number[] => [...toRgba(picture).bytes.subarray(0, 3)];
    const small = grey(2, 2, 81);
    small.bytes.set([90, 240], 4);
    const large = grey(2, 720, 81);
    large.bytes.fill(90, 1440, 1440 + 360).fill(240, 1440 + 360);
    expect(reds({ ...large, matrix: 'rec601' })).toEqual(reds(small));
    expect(reds({ ...small, matrix: 'rec709' })).toEqual(reds(large));
    expect(reds(large)).not.toEqual(reds(small));
  });

  it('survive a round trip through the file format', () => {
    const image = toRgba(grey(6, 4, 100));
    const read = PNG.sync.read(encodePng(image));
    expect([read.width, read.height]).toEqual([6, 4]);
    expect(new Uint8Array(read.data)).toEqual(image.bytes);
  });

  it('are at most sixteen thumbnails on the sheet, spread over the stream', () => {
    const sheet = new ContactSheet();
    for (let i = 0; i < 100; i++) sheet.add(i, grey(48, 27, 16 + i));
    const image = sheet.render();
    // step 8: pictures 0, 8, … 96: 13 thumbnails in four rows of four
    expect(image?.width).toBe(8 + 4 * 248);
    expect(image?.height).toBe(8 + 4 * (18 + 135 + 8));
  });

  it('make no sheet where there are none', () => {
    expect(new ContactSheet().render()).toBeUndefined();
  });
});
