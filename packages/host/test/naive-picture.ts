// SPDX-License-Identifier: Apache-2.0
/**
 * The test picture the slow way: every pixel on its own, no row copied, no rectangle. What the renderer is compared with.
 */
import {
  type PictureLayout,
  SourceError,
  V4L2_PIX_FMT_BGR24,
  V4L2_PIX_FMT_GREY,
  V4L2_PIX_FMT_NV12,
  V4L2_PIX_FMT_NV12M,
  V4L2_PIX_FMT_NV21,
  V4L2_PIX_FMT_RGB24,
  V4L2_PIX_FMT_RGBX32,
  V4L2_PIX_FMT_UYVY,
  V4L2_PIX_FMT_XBGR32,
  V4L2_PIX_FMT_YUV420,
  V4L2_PIX_FMT_YUV420M,
  V4L2_PIX_FMT_YUYV,
  V4L2_PIX_FMT_YVU420,
} from '@paravideo/core';
import { adjust, type ColourMatrix, type Rgb, toYcbcr } from '../src/sources/pattern/colour.ts';
import { INK, OVERLAY_COLOURS } from '../src/sources/pattern/overlay.ts';
import { type PatternSettings, type PatternSubject, spritesOf } from '../src/sources/pattern/renderer.ts';
import { type PatternMoment, SCENES } from '../src/sources/pattern/scene.ts';

/** The palette index of every pixel, row by row, after the flips. */
export function naiveIndices(
  width: number,
  height: number,
  moment: PatternMoment,
  settings: PatternSettings,
  subject: PatternSubject = { kind: 'scene' },
): Uint8Array {
  const scene = SCENES[settings.pattern];
  if (scene === undefined) throw new SourceError(`no scene ${settings.pattern}`);
  const picture = new Uint8Array(width * height);
  const rows = scene.rows(width, height, moment);
  const { passing, staying } = spritesOf(width, height, moment, subject);
  for (let y = 0; y < height; y++) {
    const row = new Uint8Array(width);
    rows.paint(rows.key(y), row);
    for (const sprite of staying === undefined ? passing : [...passing, staying]) {
      if (y >= sprite.top && y < sprite.top + sprite.height) sprite.paint(y, row);
    }
    for (let x = 0; x < width; x++) {
      const toX = settings.hflip ? width - 1 - x : x;
      const toY = settings.vflip ? height - 1 - y : y;
      picture[toY * width + toX] = row[x] ?? 0;
    }
  }
  return picture;
}

/** The memory planes of a picture; bytes that are no pixel are 0. */
export function naivePicture(
  layout: PictureLayout,
  matrix: ColourMatrix,
  moment: PatternMoment,
  settings: PatternSettings,
  subject: PatternSubject = { kind: 'scene' },
): Uint8Array[] {
  const { fourcc, width, height } = layout;
  const indices = naiveIndices(width, height, moment, settings, subject);
  const colours: readonly Rgb[] = SCENES[settings.pattern]?.colours(moment.time) ?? [];
  const rgb = (x: number, y: number): Rgb => {
    const index = indices[y * width + x] ?? 0;
    const colour = index < INK ? colours[index] : OVERLAY_COLOURS[index - INK];
    return adjust(colour ?? [0, 0, 0], settings, matrix);
  };
  const ycbcr = (x: number, y: number): readonly [number, number, number] => toYcbcr(rgb(x, y), matrix);
  const chroma = (which: 1 | 2, pixels: readonly (readonly [number, number])[]): number =>
    Math.floor(pixels.reduce((sum, [x, y]) => sum + ycbcr(x, y)[which], 0) / pixels.length + 0.5);
  const square = (x: number, y: number): [number, number][] => [
    [2 * x, 2 * y],
    [2 * x + 1, 2 * y],
    [2 * x, 2 * y + 1],
    [2 * x + 1, 2 * y + 1],
  ];
  const memory = layout.sizes.map((size) => new Uint8Array(size));
  const stride = (plane: number): number => layout.colours.find(({ buffer }) => buffer === plane)?.stride ?? 0;
  const put = (plane: number, at: number, value: number): void => {
    const bytes = memory[plane];
    if (bytes !== undefined) bytes[at] = value;
  };
  const each = (w: number, h: number, visit: (x: number, y: number) => void): void => {
    for (let y = 0; y < h; y++) for (let x = 0; x < w; x++) visit(x, y);
  };
  const luma = (): void => each(width, height, (x, y) => put(0, y * stride(0) + x, ycbcr(x, y)[0]));
  const end = stride(0) * height;
  const packed = (places: readonly [y0: number, cb: number, y1: number, cr: number]): void =>
    each(width / 2, height, (x, y) => {
      const at = y * stride(0) + 4 * x;
      const pair: [number, number][] = [
        [2 * x, y],
        [2 * x + 1, y],
      ];
      put(0, at + places[0], ycbcr(2 * x, y)[0]);
      put(0, at + places[2], ycbcr(2 * x + 1, y)[0]);
      put(0, at + places[1], chroma(1, pair));
      put(0, at + places[3], chroma(2, pair));
    });
  const components = (size: number, order: readonly number[]): void =>
    each(width, height, (x, y) => {
      const colour = rgb(x, y);
      for (const [i, component] of order.entries()) put(0, y * stride(0) + x * size + i, colour[component] ?? 255);
    });
  const [cb, cr] = [1, 2] as const;
  /** Both components of every 2x2 chroma sample, in the given order. */
  const samples = (order: readonly (1 | 2)[], place: (i: number, x: number, y: number) => [plane: number, at: number]): void =>
    each(width / 2, height / 2, (x, y) => {
      for (const [i, which] of order.entries()) put(...place(i, x, y), chroma(which, square(x, y)));
    });
  const half = stride(0) / 2;
  switch (fourcc) {
    case V4L2_PIX_FMT_NV12:
    case V4L2_PIX_FMT_NV21:
      luma();
      samples(fourcc === V4L2_PIX_FMT_NV12 ? [cb, cr] : [cr, cb], (i, x, y) => [0, end + y * stride(0) + 2 * x + i]);
      break;
    case V4L2_PIX_FMT_NV12M:
      luma();
      samples([cb, cr], (i, x, y) => [1, y * stride(1) + 2 * x + i]);
      break;
    case V4L2_PIX_FMT_YUV420:
    case V4L2_PIX_FMT_YVU420:
      luma();
      samples(fourcc === V4L2_PIX_FMT_YUV420 ? [cb, cr] : [cr, cb], (i, x, y) => [
        0,
        end + (i * height * half) / 2 + y * half + x,
      ]);
      break;
    case V4L2_PIX_FMT_YUV420M:
      luma();
      samples([cb, cr], (i, x, y) => [1 + i, y * stride(1 + i) + x]);
      break;
    case V4L2_PIX_FMT_YUYV:
      packed([0, 1, 2, 3]);
      break;
    case V4L2_PIX_FMT_UYVY:
      packed([1, 0, 3, 2]);
      break;
    case V4L2_PIX_FMT_RGB24:
      components(3, [0, 1, 2]);
      break;
    case V4L2_PIX_FMT_BGR24:
      components(3, [2, 1, 0]);
      break;
    case V4L2_PIX_FMT_XBGR32:
      components(4, [2, 1, 0, -1]);
      break;
    case V4L2_PIX_FMT_RGBX32:
      components(4, [0, 1, 2, -1]);
      break;
    case V4L2_PIX_FMT_GREY:
      luma();
      break;
    default:
      throw new SourceError(`no naive picture in format 0x${fourcc.toString(16)}`);
  }
  return memory;
}
