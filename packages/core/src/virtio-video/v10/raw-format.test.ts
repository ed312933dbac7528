// SPDX-License-Identifier: Apache-2.0
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  alignedLayout,
  type ColourPlane,
  codedLayout,
  FORMATS,
  formatInfo,
  fourcc,
  fourccName,
  type PictureLayout,
  pictureLayout,
} from '../../picture/index.ts';
import { drmFormat, RAW_FORMAT_BYTES, rawFormat, writeRawFormat } from './index.ts';

/** Every alignment up to a page. */
const ANY = { stride: 0x1fff, height: 0x1f, plane: 0x1fff };
const RAW = FORMATS.filter((info) => info.model !== 'coded').map((info) => info.fourcc);

function written(layout: PictureLayout, offered = ANY): Uint8Array {
  const format = rawFormat(layout, offered);
  if (format === undefined) expect.unreachable(`no parameter for ${fourccName(layout.fourcc)}`);
  const bytes = new Uint8Array(RAW_FORMAT_BYTES).fill(0xff);
  writeRawFormat(new DataView(bytes.buffer), 0, format);
  return bytes;
}

/** What a driver makes of the parameter's bytes: offset and stride of each plane, and the size of each buffer. */
function driverView(bytes: Uint8Array) {
  const view = new DataView(bytes.buffer);
  const [planesLayout = 0, code = 0, , , width = 0, height = 0, strideAlign = 1, heightAlign = 1, planeAlign = 1] = Array.from(
    { length: 9 },
    (_, i) => view.getUint32(8 + 4 * i, true),
  );
  const up = (value: number, align: number) => Math.ceil(value / align) * align;
  const rows = up(height, heightAlign);
  // Bytes of luma for two pixels; then, for each chroma plane, by what its stride and its rows are those of luma divided.
  const rules: Record<string, [number, ...[stride: number, rows: number][]]> = {
    NV12: [2, [1, 2]],
    NV21: [2, [1, 2]],
    P010: [4, [1, 2]],
    NV16: [2, [1, 1]],
    NV24: [2, [0.5, 1]],
    YU12: [2, [2, 2], [2, 2]],
    YV12: [2, [2, 2], [2, 2]],
    YU16: [2, [2, 1], [2, 1]],
    YU24: [2, [1, 1], [1, 1]],
    YUYV: [4],
    UYVY: [4],
    RG24: [6],
    BG24: [6],
    XR24: [8],
    XB24: [8],
    'R8  ': [2],
    'R10 ': [4],
  };
  const [pair = 0, ...chroma] = rules[fourccName(code)] ?? [];
  const stride = up((pair * width) / 2, strideAlign);
  const places: { buffer: number; offset: number; stride: number }[] = [];
  const sizes: number[] = [];
  for (const [i, [strides, fewer]] of [[1, 1] as const, ...chroma].entries()) {
    const buffer = planesLayout === 2 ? i : 0;
    const offset = planesLayout === 2 ? 0 : up(sizes[0] ?? 0, planeAlign);
    places.push({ buffer, offset, stride: stride / strides });
    sizes[buffer] = offset + (stride / strides) * (rows / fewer);
  }
  return { places, sizes };
}

const place = ({ buffer, offset, stride }: ColourPlane) => ({ buffer, offset, stride });

describe('the parameter of a raw format (draft v10)', () => {
  it('has the bytes of the example: NV12 of 640x480, lines and columns of 16', () => {
    const layout = alignedLayout(fourcc('NV12'), 640, 480, { stride: 16, height: 16, plane: 1 }) as PictureLayout;
    expect(Buffer.from(written(layout, { stride: 0x10, height: 0x10, plane: 1 })).toString('hex')).toBe(
      '05000000240000000100000' + '04e5631320000000000000000' + '80020000e0010000' + '10000000' + '10000000' + '01000000',
    );
  });

  it('leads a driver to the planes of every layout that alignments can make', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...RAW),
        fc.integer({ min: 1, max: 2048 }),
        fc.integer({ min: 1, max: 1024 }),
        fc.integer({ min: 0, max: 12 }),
        fc.integer({ min: 0, max: 4 }),
        fc.integer({ min: 0, max: 12 }),
        (format, halfWidth, halfHeight, stride, height, plane) => {
          const align = { stride: 2 ** stride, height: 2 ** height, plane: 2 ** plane };
          const layout = alignedLayout(format, 2 * halfWidth, 2 * halfHeight, align) as PictureLayout;
          expect(driverView(written(layout))).toEqual({ places: layout.colours.map(place), sizes: layout.sizes });
        },
      ),
      { numRuns: 300 },
    );
  });

  it('takes the smallest of the alignments that the device offers', () => {
    const layout = alignedLayout(fourcc('NV12'), 1918, 1080, { stride: 128, height: 16, plane: 1 }) as PictureLayout;
    expect(rawFormat(layout, ANY)?.align).toEqual({ stride: 4, height: 16, plane: 1 });
    expect(rawFormat(layout, { stride: 0x1c0, height: 0x1f, plane: 0x1_0000 })).toBeUndefined();
    expect(rawFormat(layout, { stride: 0x1c0, height: 0x1f, plane: 0x3 })?.align).toEqual({ stride: 64, height: 16, plane: 1 });
  });

  it('does not exist for a layout that no alignment makes, or for coded data', () => {
    const longer = pictureLayout(fourcc('GREY'), 640, 480, 704) as PictureLayout;
    expect(rawFormat(longer, ANY)).toBeUndefined();
    expect(rawFormat(codedLayout(fourcc('H264'), 640, 480, 1 << 20), ANY)).toBeUndefined();
  });

  it('has a code of DRM for every raw format, the same for one buffer and for several', () => {
    for (const format of RAW) expect(drmFormat(format), formatInfo(format)?.description).toBeDefined();
    expect(drmFormat(fourcc('NM12'))).toBe(drmFormat(fourcc('NV12')));
    expect(drmFormat(fourcc('RGB3'))).toBe(fourcc('BG24'));
    expect(drmFormat(fourcc('XR24'))).toBe(fourcc('XR24'));
  });
});
