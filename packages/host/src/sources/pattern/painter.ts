// SPDX-License-Identifier: Apache-2.0
/**
 * Palette indices to pixels of a V4L2 format. The unit is a band: two rows where the format halves the chroma vertically, one
 * row elsewhere. Equal bands are painted once and copied.
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
import type { Palette } from './colour.ts';

/** Copies of equal bands go in pieces of about this many bytes, so that what is read still lies in the cache. */
const COPY_BLOCK = 65536;

/** What a painter needs of one part (luma, chroma, all) of a picture. */
interface PicturePart {
  readonly bytes: Uint8Array;
  readonly offset: number;
  readonly stride: number;
  /** rows of this part in a band */
  readonly rows: number;
}

/** Paints pixels x0 to x1 (both even) of band `band` from the palette indices of its rows (`a` is `b` where a band is one row). */
type PaintBand = (palette: Palette, a: Uint8Array, b: Uint8Array, x0: number, x1: number, band: number) => void;

/** A picture being painted. */
export interface Painter {
  /** rows in a band, 1 or 2 */
  readonly bandRows: number;
  readonly paint: PaintBand;
  /** Copies band `from` to the `count` bands from `to` on. */
  repeat(from: number, to: number, count: number): void;
}

function painter(bandRows: number, parts: readonly PicturePart[], paint: PaintBand): Painter {
  return {
    bandRows,
    paint,
    repeat(from, to, count) {
      for (const { bytes, offset, stride, rows } of parts) {
        const unit = stride * rows;
        const target = offset + to * unit;
        bytes.copyWithin(target, offset + from * unit, offset + (from + 1) * unit);
        const block = Math.max(1, Math.floor(COPY_BLOCK / unit));
        for (let done = 1; done < count; ) {
          const more = Math.min(done, block, count - done);
          bytes.copyWithin(target + done * unit, target, target + more * unit);
          done += more;
        }
      }
    },
  };
}

function paintLuma(
  { bytes, offset, stride }: PicturePart,
  y: Uint8Array,
  row: Uint8Array,
  x0: number,
  x1: number,
  line: number,
): void {
  const start = offset + line * stride;
  for (let x = x0; x < x1; x++) bytes[start + x] = y[row[x] as number] as number;
}

/** 4:2:0: chroma is the mean of four pixels. `step` 2 where Cb and Cr alternate in one plane. */
function yuv420(luma: PicturePart, cbPart: PicturePart, crPart: PicturePart, step: 1 | 2): Painter {
  const paint: PaintBand = ({ y, cb, cr }, a, b, x0, x1, band) => {
    paintLuma(luma, y, a, x0, x1, 2 * band);
    paintLuma(luma, y, b, x0, x1, 2 * band + 1);
    const cbBytes = cbPart.bytes;
    const crBytes = crPart.bytes;
    let atCb = cbPart.offset + band * cbPart.stride + (x0 >> 1) * step;
    let atCr = crPart.offset + band * crPart.stride + (x0 >> 1) * step;
    for (let x = x0; x < x1; x += 2) {
      const i = a[x] as number;
      const j = a[x + 1] as number;
      const k = b[x] as number;
      const l = b[x + 1] as number;
      cbBytes[atCb] = ((cb[i] as number) + (cb[j] as number) + (cb[k] as number) + (cb[l] as number) + 2) >> 2;
      crBytes[atCr] = ((cr[i] as number) + (cr[j] as number) + (cr[k] as number) + (cr[l] as number) + 2) >> 2;
      atCb += step;
      atCr += step;
    }
  };
  // Interleaved chroma is one part to copy, not two.
  const chroma = step === 2 ? [cbPart.offset < crPart.offset ? cbPart : crPart] : [cbPart, crPart];
  return painter(2, [luma, ...chroma], paint);
}

/** Packed 4:2:2: chroma is the mean of two pixels. `y0` and `c0`: place of the first luma and of Cb in the four bytes. */
function yuv422(part: PicturePart, y0: 0 | 1): Painter {
  const { bytes, offset, stride } = part;
  const c0 = 1 - y0;
  return painter(1, [part], ({ y, cb, cr }, a, _b, x0, x1, band) => {
    let at = offset + band * stride + x0 * 2;
    for (let x = x0; x < x1; x += 2) {
      const i = a[x] as number;
      const j = a[x + 1] as number;
      bytes[at + y0] = y[i] as number;
      bytes[at + y0 + 2] = y[j] as number;
      bytes[at + c0] = ((cb[i] as number) + (cb[j] as number) + 1) >> 1;
      bytes[at + c0 + 2] = ((cr[i] as number) + (cr[j] as number) + 1) >> 1;
      at += 4;
    }
  });
}

/** Packed R'G'B'; `red` and `blue` are places in the pixel of `size` bytes. The fourth byte means nothing; it is 255. */
function rgb(part: PicturePart, size: 3 | 4, redAt: 0 | 2): Painter {
  const { bytes, offset, stride } = part;
  return painter(1, [part], (palette, a, _b, x0, x1, band) => {
    const first = redAt === 0 ? palette.red : palette.blue;
    const third = redAt === 0 ? palette.blue : palette.red;
    const { green } = palette;
    let at = offset + band * stride + x0 * size;
    for (let x = x0; x < x1; x++) {
      const i = a[x] as number;
      bytes[at] = first[i] as number;
      bytes[at + 1] = green[i] as number;
      bytes[at + 2] = third[i] as number;
      if (size === 4) bytes[at + 3] = 255;
      at += size;
    }
  });
}

function grey(part: PicturePart): Painter {
  return painter(1, [part], ({ y }, a, _b, x0, x1, band) => paintLuma(part, y, a, x0, x1, band));
}

/** Throws SourceError if `painterFor` has no painter for the layout. */
export function checkPainted(layout: PictureLayout): void {
  painterFor(
    layout,
    layout.sizes.map(() => new Uint8Array()),
  );
}

/**
 * A painter for a layout over the memory of one picture, one view per memory plane. Width and height must be even. Throws
 * SourceError for a format that it does not know or a size that is not even.
 */
export function painterFor(layout: PictureLayout, memory: readonly Uint8Array[]): Painter {
  const { fourcc, width, height, colours } = layout;
  if (width % 2 !== 0 || height % 2 !== 0) throw new SourceError(`a test picture of ${width}x${height}: both must be even`);
  const part = (index: number, first = 0, rows = 1): PicturePart => {
    const colour = colours[index];
    const bytes = memory[colour?.buffer ?? 0];
    if (bytes === undefined || colour === undefined) {
      throw new SourceError(`format 0x${fourcc.toString(16)} needs colour plane ${index}, the layout has ${colours.length}`);
    }
    return { bytes, offset: colour.offset + first, stride: colour.stride, rows };
  };
  const luma = (): PicturePart => part(0, 0, 2);
  switch (fourcc) {
    case V4L2_PIX_FMT_NV12:
    case V4L2_PIX_FMT_NV12M:
      return yuv420(luma(), part(1), part(1, 1), 2);
    case V4L2_PIX_FMT_NV21:
      return yuv420(luma(), part(1, 1), part(1), 2);
    case V4L2_PIX_FMT_YUV420:
    case V4L2_PIX_FMT_YUV420M:
      return yuv420(luma(), part(1), part(2), 1);
    case V4L2_PIX_FMT_YVU420:
      return yuv420(luma(), part(2), part(1), 1);
    case V4L2_PIX_FMT_YUYV:
      return yuv422(part(0), 0);
    case V4L2_PIX_FMT_UYVY:
      return yuv422(part(0), 1);
    case V4L2_PIX_FMT_RGB24:
      return rgb(part(0), 3, 0);
    case V4L2_PIX_FMT_BGR24:
      return rgb(part(0), 3, 2);
    case V4L2_PIX_FMT_XBGR32:
      return rgb(part(0), 4, 2);
    case V4L2_PIX_FMT_RGBX32:
      return rgb(part(0), 4, 0);
    case V4L2_PIX_FMT_GREY:
      return grey(part(0));
    default:
      throw new SourceError(`no test picture in format 0x${fourcc.toString(16)}`);
  }
}
