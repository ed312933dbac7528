// SPDX-License-Identifier: Apache-2.0
import {
  type Fit,
  type PictureLayout,
  pictureLayout,
  V4L2_PIX_FMT_BGR24,
  V4L2_PIX_FMT_GREY,
  V4L2_PIX_FMT_NV12,
  V4L2_PIX_FMT_NV12M,
  V4L2_PIX_FMT_RGB24,
  V4L2_PIX_FMT_YUV420M,
  V4L2_PIX_FMT_YUYV,
  V4L2_PIX_FMT_YVU420,
} from '@paravideo/core';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Av, loadAv } from '../../av/node-av.ts';
import { RAW_FORMATS } from '../scaling/raw-pictures.ts';
import { PictureConverter } from './picture-converter.ts';

/** AVCOL_SPC_SMPTE170M, AVCOL_SPC_BT709 */
const [REC601, REC709] = [6, 1] as const;

let av: Av;
beforeAll(async () => {
  av = await loadAv();
});

const layoutOf = (fourcc: number, width: number, height: number, stride = 0): PictureLayout =>
  pictureLayout(fourcc, width, height, stride) as PictureLayout;

/** The memory planes of a converted picture. */
function convert(
  from: PictureLayout,
  planes: readonly Uint8Array[],
  to: PictureLayout,
  matrix: number = REC601,
  fullRange = false,
  fit: Fit = 'contain',
): Uint8Array[] {
  const total = (sizes: readonly number[]): number => sizes.reduce((sum, size) => sum + size, 0);
  const slots = to.sizes.map((length, i) => ({ offset: total(to.sizes.slice(0, i)), length }));
  const slot = new Uint8Array(total(to.sizes));
  using converter = new PictureConverter(av, from, to, { matrix, fullRange }, slots, fit);
  expect(converter.convert(planes, slot)).toEqual(to.sizes);
  return slots.map((place) => slot.slice(place.offset, place.offset + place.length));
}

/** Red on the left, blue on the right. */
function rgb(width: number, height: number, stride = 3 * width): Uint8Array {
  const bytes = new Uint8Array(stride * height);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) bytes.set(x < width / 2 ? [255, 0, 0] : [0, 0, 255], y * stride + 3 * x);
  }
  return bytes;
}

const near = (got: ArrayLike<number> | undefined, expected: readonly number[]): void => {
  for (const [i, value] of expected.entries()) expect(Math.abs((got?.[i] ?? -99) - value)).toBeLessThan(4);
};

describe('a picture that is converted', () => {
  it.each([
    ['Rec. 601', REC601, [81, 90, 240]],
    ['Rec. 709', REC709, [63, 102, 240]],
  ] as const)('has its colours in the layout that is asked for: red of %s', (_name, matrix, red) => {
    const from = layoutOf(V4L2_PIX_FMT_RGB24, 64, 32, 200);
    const [luma, u, v] = red;
    const picture = [rgb(64, 32, from.colours[0]?.stride)];
    const [nv12] = convert(from, picture, layoutOf(V4L2_PIX_FMT_NV12, 64, 32), matrix);
    near([nv12?.[70] ?? 0, ...(nv12?.subarray(64 * 32 + 64 + 4) ?? [])], red);
    const [yuyv] = convert(from, picture, layoutOf(V4L2_PIX_FMT_YUYV, 64, 32, 160), matrix);
    near(yuyv?.subarray(160 * 3 + 16), [luma, u, luma, v]);
    const planes = convert(from, picture, layoutOf(V4L2_PIX_FMT_YUV420M, 64, 32), matrix);
    near(
      planes.map((plane) => plane[5] ?? 0),
      red,
    );
    const [yvu] = convert(from, picture, layoutOf(V4L2_PIX_FMT_YVU420, 64, 32), matrix);
    near([yvu?.[5] ?? 0, yvu?.[64 * 32 + 32 * 16 + 5] ?? 0, yvu?.[64 * 32 + 5] ?? 0], red);
    const [bgr] = convert(from, picture, layoutOf(V4L2_PIX_FMT_BGR24, 64, 32), matrix);
    near(bgr?.subarray(3 * 5), [0, 0, 255]);
    // And back, of two memory planes.
    const two = convert(from, picture, layoutOf(V4L2_PIX_FMT_NV12M, 64, 32), matrix);
    const [again] = convert(layoutOf(V4L2_PIX_FMT_NV12M, 64, 32), two, layoutOf(V4L2_PIX_FMT_RGB24, 64, 32), matrix);
    near(again?.subarray(3 * (64 * 9 + 5)), [255, 0, 0]);
    near(again?.subarray(3 * (64 * 9 + 60)), [0, 0, 255]);
  });

  it('is grey where it was, and has limited range on both sides', () => {
    const grey = layoutOf(V4L2_PIX_FMT_GREY, 32, 16);
    const [rgb24] = convert(grey, [new Uint8Array(32 * 16).fill(235)], layoutOf(V4L2_PIX_FMT_RGB24, 32, 16));
    near(rgb24, [255, 255, 255]);
    const black = [new Uint8Array(3 * 32 * 16)];
    const [luma] = convert(layoutOf(V4L2_PIX_FMT_RGB24, 32, 16), black, grey);
    near(luma, [16, 16]);
  });

  it('has full range on both sides where the camera has, black beside it included', () => {
    const grey = layoutOf(V4L2_PIX_FMT_GREY, 32, 16);
    const white = [new Uint8Array(32 * 16).fill(255)];
    const [rgb24] = convert(grey, white, layoutOf(V4L2_PIX_FMT_RGB24, 32, 16), REC601, true);
    near(rgb24, [255, 255, 255]);
    for (const [fourcc, middle] of [
      [V4L2_PIX_FMT_NV12, 32 * 16],
      [V4L2_PIX_FMT_YUYV, 2 * 32 * 16],
    ] as const) {
      const [made] = convert(grey, white, layoutOf(fourcc, 32, 32), REC601, true);
      near([made?.[0] ?? 9, made?.[middle] ?? 0], [0, 255]);
    }
  });

  it('of another shape stands in the middle, with black beside it', () => {
    const [made] = convert(layoutOf(V4L2_PIX_FMT_RGB24, 64, 32), [rgb(64, 32)], layoutOf(V4L2_PIX_FMT_RGB24, 64, 64));
    const at = (x: number, y: number) => made?.subarray(3 * (64 * y + x));
    near(at(5, 5), [0, 0, 0]);
    near(at(5, 32), [255, 0, 0]);
    near(at(60, 32), [0, 0, 255]);
    near(at(60, 60), [0, 0, 0]);
  });

  it('of another shape covers all, or is stretched, where that is asked for', () => {
    const [from, to] = [layoutOf(V4L2_PIX_FMT_RGB24, 64, 32), layoutOf(V4L2_PIX_FMT_RGB24, 64, 64)];
    for (const fit of ['cover', 'stretch'] as const) {
      const [made] = convert(from, [rgb(64, 32)], to, REC601, false, fit);
      const at = (x: number, y: number) => made?.subarray(3 * (64 * y + x));
      for (const y of [2, 32, 61]) {
        near(at(5, y), [255, 0, 0]);
        near(at(60, y), [0, 0, 255]);
      }
    }
  });

  it('can be any of the formats made of any other', () => {
    for (const from of RAW_FORMATS) {
      const layout = layoutOf(from, 32, 16);
      const planes = layout.sizes.map((size) => new Uint8Array(size).fill(100));
      for (const to of RAW_FORMATS)
        expect(convert(layout, planes, layoutOf(to, 48, 32))).toHaveLength(layoutOf(to, 48, 32).sizes.length);
    }
  });

  it('keeps what it had where the bytes of the next one end', () => {
    const from = layoutOf(V4L2_PIX_FMT_GREY, 32, 16);
    const slot = new Uint8Array(32 * 16);
    using converter = new PictureConverter(av, from, from, { matrix: REC601, fullRange: false }, [{ offset: 0 }]);
    converter.convert([new Uint8Array(32 * 16).fill(60)], slot);
    converter.convert([new Uint8Array(32 * 8).fill(90)], slot);
    near([slot[0] ?? 0, slot[32 * 15] ?? 0], [90, 60]);
  });
});
