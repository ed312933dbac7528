// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { fourcc, pictureLayout } from '../../picture/index.ts';
import {
  V4L2_BUF_TYPE_VIDEO_CAPTURE,
  V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE,
  V4L2_COLORSPACE_REC709,
  V4L2_FIELD_NONE,
  V4L2_PIX_FMT_PRIV_MAGIC,
  v4l2_format,
} from '../../wire/index.ts';
import { readFormat, writeFormat } from '../index.ts';

const REC709 = { colorspace: V4L2_COLORSPACE_REC709, ycbcrEnc: 2, quantization: 2, xferFunc: 1 };

function format(code: string) {
  const layout = pictureLayout(fourcc(code), 640, 480);
  if (layout === undefined) expect.unreachable('the format is known');
  return { layout, field: V4L2_FIELD_NONE, colorimetry: REC709 };
}

function dirty(): DataView {
  return new DataView(new Uint8Array(v4l2_format.size).fill(0xff).buffer);
}

describe('struct v4l2_format', () => {
  it.each([
    [V4L2_BUF_TYPE_VIDEO_CAPTURE, 'NV12'],
    [V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE, 'NM12'],
  ])('reads back what it wrote, type %i', (type, code) => {
    const view = dirty();
    writeFormat(view, type, format(code));
    expect(readFormat(view)).toMatchObject({
      type,
      width: 640,
      height: 480,
      fourcc: fourcc(code),
      bytesPerLine: 640,
      colorimetry: REC709,
    });
  });

  it('writes NM12 at the offsets of the wire format, and reserved bytes as 0', () => {
    const view = dirty();
    writeFormat(view, V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE, format('NM12'));
    const bytes = new Uint8Array(view.buffer);
    expect(view.getUint32(28, true)).toBe(307200);
    expect(view.getUint32(32, true)).toBe(640);
    expect(view.getUint32(48, true)).toBe(153600);
    expect(bytes[188]).toBe(2);
    expect([...bytes.subarray(68, 188)].every((byte) => byte === 0)).toBe(true);
    expect([...bytes.subarray(193)].every((byte) => byte === 0)).toBe(true);
  });

  it('reads the extended members of the single-planar struct only behind the magic number', () => {
    const view = dirty();
    writeFormat(view, V4L2_BUF_TYPE_VIDEO_CAPTURE, format('NV12'));
    const { priv } = v4l2_format.fields.fmt.fields.pix.fields;
    expect(priv.get(view, 0)).toBe(V4L2_PIX_FMT_PRIV_MAGIC);
    priv.set(view, 0, 0);
    expect(readFormat(view).colorimetry).toEqual({ ...REC709, ycbcrEnc: 0, quantization: 0, xferFunc: 0 });
  });
});
