// SPDX-License-Identifier: Apache-2.0
/** One layout, two protocols: what V4L2's structs and virtio-video v10's parameters say of the same planes. */
import { describe, expect, it } from 'vitest';
import { decodeFormat, layoutOf } from '../driver/media/formats.ts';
import { writeFormat } from '../v4l2/index.ts';
import { RAW_FORMAT_BYTES, rawFormat, writeRawFormat } from '../virtio-video/v10/index.ts';
import {
  V4L2_BUF_TYPE_VIDEO_CAPTURE,
  V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE,
  V4L2_COLORSPACE_REC709,
  V4L2_FIELD_NONE,
  v4l2_format,
} from '../wire/index.ts';
import { alignedLayout, codedLayout, fourcc, isWhole, type PictureLayout, pictureLayout } from './index.ts';

const COLORIMETRY = { colorspace: V4L2_COLORSPACE_REC709, ycbcrEnc: 0, quantization: 0, xferFunc: 0 };

function v4l2(layout: PictureLayout, type: number): DataView {
  const view = new DataView(new Uint8Array(v4l2_format.size).fill(0xff).buffer);
  writeFormat(view, type, { layout, field: V4L2_FIELD_NONE, colorimetry: COLORIMETRY });
  return view;
}

/** `struct v4l2_pix_format`, which begins 8 bytes into `struct v4l2_format`. */
function pix(layout: PictureLayout) {
  const view = v4l2(layout, V4L2_BUF_TYPE_VIDEO_CAPTURE);
  const at = (offset: number) => view.getUint32(8 + offset, true);
  return { width: at(0), height: at(4), pixelformat: at(8), bytesperline: at(16), sizeimage: at(20) };
}

/** `struct v4l2_pix_format_mplane` in the same place; its planes are 20 bytes each. */
function pixMp(layout: PictureLayout) {
  const view = v4l2(layout, V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE);
  const at = (offset: number) => view.getUint32(8 + offset, true);
  const planes = Array.from({ length: view.getUint8(8 + 180) }, (_, i) => ({
    sizeimage: at(20 + 20 * i),
    bytesperline: at(24 + 20 * i),
  }));
  return { width: at(0), height: at(4), pixelformat: at(8), planes };
}

/** The value of virtio-video v10's parameter, behind its head of type and length. */
function rawFormatValue(layout: PictureLayout, offered = { stride: 0x1fff, height: 0x1f, plane: 0x1fff }) {
  const format = rawFormat(layout, offered);
  if (format === undefined) expect.unreachable('the layout has alignments');
  const view = new DataView(new ArrayBuffer(RAW_FORMAT_BYTES));
  writeRawFormat(view, 0, format);
  const at = (offset: number) => view.getUint32(8 + offset, true);
  expect([view.getUint32(0, true), view.getUint32(4, true), at(8), at(12)]).toEqual([5, 36, 0, 0]);
  return {
    planes_layout: at(0),
    fourcc: at(4),
    width: at(16),
    height: at(20),
    stride_align: at(24),
    height_align: at(28),
    plane_align: at(32),
  };
}

const layoutFor = (code: string, width: number, height: number, stride?: number): PictureLayout =>
  pictureLayout(fourcc(code), width, height, stride) as PictureLayout;

describe('a layout is written out as V4L2 and as virtio-video v10 have it', () => {
  it('10 bits, 4:2:0, semi-planar: P010 of 1920x1080', () => {
    const layout = layoutFor('P010', 1920, 1080);
    expect(layout.colours).toEqual([
      { buffer: 0, offset: 0, stride: 3840, rows: 1080, lineBytes: 3840 },
      { buffer: 0, offset: 4147200, stride: 3840, rows: 540, lineBytes: 3840 },
    ]);
    const same = { width: 1920, height: 1080, pixelformat: fourcc('P010') };
    expect(pix(layout)).toEqual({ ...same, bytesperline: 3840, sizeimage: 6220800 });
    expect(pixMp(layout)).toEqual({ ...same, planes: [{ sizeimage: 6220800, bytesperline: 3840 }] });
    expect(rawFormatValue(layout)).toEqual({
      planes_layout: 1,
      fourcc: fourcc('P010'),
      width: 1920,
      height: 1080,
      stride_align: 1,
      height_align: 1,
      plane_align: 1,
    });
  });

  it('10 bits with padding: lines of P010 in steps of 256 bytes, room for whole macroblocks, chroma on a page', () => {
    const layout = alignedLayout(fourcc('P010'), 1918, 1080, { stride: 256, height: 16, plane: 65536 }) as PictureLayout;
    // 1918 samples of 2 bytes in 3840; 1088 lines of that end at 4177920, and the next multiple of 65536 is 4194304.
    expect(layout.colours).toEqual([
      { buffer: 0, offset: 0, stride: 3840, rows: 1080, lineBytes: 3836 },
      { buffer: 0, offset: 4194304, stride: 3840, rows: 540, lineBytes: 3836 },
    ]);
    const sizeimage = 4194304 + 544 * 3840;
    expect(pix(layout)).toMatchObject({ bytesperline: 3840, sizeimage });
    expect(rawFormatValue(layout, { stride: 0x300, height: 0x1f, plane: 0x10000 })).toEqual({
      planes_layout: 1,
      fourcc: fourcc('P010'),
      width: 1918,
      height: 1080,
      stride_align: 256,
      height_align: 16,
      plane_align: 65536,
    });
  });

  it('8 bits, 4:2:2, packed: YUYV of 1280x720', () => {
    const layout = layoutFor('YUYV', 1280, 720);
    const same = { width: 1280, height: 720, pixelformat: fourcc('YUYV') };
    expect(layout.colours).toEqual([{ buffer: 0, offset: 0, stride: 2560, rows: 720, lineBytes: 2560 }]);
    expect(pix(layout)).toEqual({ ...same, bytesperline: 2560, sizeimage: 1843200 });
    expect(pixMp(layout)).toEqual({ ...same, planes: [{ sizeimage: 1843200, bytesperline: 2560 }] });
    expect(rawFormatValue(layout)).toMatchObject({ planes_layout: 1, fourcc: fourcc('YUYV'), width: 1280, height: 720 });
  });

  it('8 bits, 4:2:2, planar: 422P with lines of 768 bytes', () => {
    const layout = layoutFor('422P', 720, 576, 768);
    expect(layout.colours.map(({ offset, stride, rows, lineBytes }) => [offset, stride, rows, lineBytes])).toEqual([
      [0, 768, 576, 720],
      [442368, 384, 576, 360],
      [663552, 384, 576, 360],
    ]);
    expect(pix(layout)).toMatchObject({ pixelformat: fourcc('422P'), bytesperline: 768, sizeimage: 884736 });
    expect(rawFormatValue(layout)).toMatchObject({ planes_layout: 1, fourcc: fourcc('YU16'), stride_align: 64 });
  });

  it('8 bits, 4:2:2, each plane in a buffer of its own: NM16', () => {
    const layout = layoutFor('NM16', 640, 480);
    expect(layout.colours.map(({ buffer, offset, stride }) => [buffer, offset, stride])).toEqual([
      [0, 0, 640],
      [1, 0, 640],
    ]);
    const plane = { sizeimage: 307200, bytesperline: 640 };
    expect(pixMp(layout)).toMatchObject({ pixelformat: fourcc('NM16'), planes: [plane, plane] });
    expect(rawFormatValue(layout)).toMatchObject({ planes_layout: 2, fourcc: fourcc('NV16'), width: 640, height: 480 });
  });

  it('coded: one plane without lines, any number of bytes up to its size', () => {
    const layout = codedLayout(fourcc('HEVC'), 1920, 1080, 777_777);
    expect(isWhole(layout)).toBe(true);
    expect(pix(layout)).toMatchObject({ pixelformat: fourcc('HEVC'), bytesperline: 0, sizeimage: 777_777 });
    expect(pixMp(layout).planes).toEqual([{ sizeimage: 777_777, bytesperline: 0 }]);
  });

  it.each(['P010', 'YUYV', '422P', 'NM16', 'NV24', 'YM24', 'Y10', 'RGB3', 'GREY'])(
    'a program that reads V4L2 finds the planes of %s where the layout has them',
    (code) => {
      const layout = layoutFor(code, 642, 482, 2000);
      expect(layoutOf(decodeFormat(v4l2(layout, V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE)))).toEqual(layout);
    },
  );
});
