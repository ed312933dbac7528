// SPDX-License-Identifier: Apache-2.0
/** Pictures as a guest finds them in its buffers: NV12 or YU12 (I420) with strides, of which a rectangle is to be shown. */
import { createHash } from 'node:crypto';
import {
  type PictureLayout,
  type Rect,
  V4L2_PIX_FMT_NV12,
  V4L2_PIX_FMT_NV12M,
  V4L2_PIX_FMT_YUV420,
  V4L2_PIX_FMT_YUV420M,
} from '@paravideo/core';
import { DemoError } from './demo-error.ts';

/** A decoded picture: its memory planes, how they lie, and what of it is to be shown. */
export interface GuestPicture {
  readonly layout: PictureLayout;
  readonly visible: Rect;
  /** one view per memory plane */
  readonly planes: readonly Uint8Array[];
}

/** A tightly packed I420 picture: Y, then U, then V; chroma sides are rounded up. */
export interface I420Picture {
  readonly width: number;
  readonly height: number;
  readonly bytes: Uint8Array;
}

/** A component plane inside a memory plane: first byte, bytes from line to line, bytes from sample to sample. */
interface Component {
  readonly bytes: Uint8Array;
  readonly offset: number;
  readonly stride: number;
  readonly step: number;
}

/** The visible part of a picture as packed I420, copied out of the guest's buffer. Throws `DemoError` for other formats. */
export function toI420(picture: GuestPicture): I420Picture {
  const { left, top, width, height } = picture.visible;
  const chromaWidth = (width + 1) >> 1;
  const chromaHeight = (height + 1) >> 1;
  const bytes = new Uint8Array(width * height + 2 * chromaWidth * chromaHeight);
  const [y, u, v] = components(picture);
  copyPlane(y, left, top, width, height, bytes, 0);
  copyPlane(u, left >> 1, top >> 1, chromaWidth, chromaHeight, bytes, width * height);
  copyPlane(v, left >> 1, top >> 1, chromaWidth, chromaHeight, bytes, width * height + chromaWidth * chromaHeight);
  return { width, height, bytes };
}

/** MD5 of the packed picture, in hex. */
export function pictureMd5(picture: I420Picture): string {
  return createHash('md5').update(picture.bytes).digest('hex');
}

function components(picture: GuestPicture): readonly [Component, Component, Component] {
  const { layout, planes } = picture;
  const plane = (index: number, offset: number, stride: number, step: number): Component => {
    const bytes = planes[index];
    if (!bytes) throw new DemoError(`plane ${index} of the picture is missing`);
    return { bytes, offset, stride, step };
  };
  const luma = layout.planes[0]?.bytesPerLine ?? 0;
  const lumaSize = luma * layout.height;
  switch (layout.fourcc) {
    case V4L2_PIX_FMT_NV12:
      return [plane(0, 0, luma, 1), plane(0, lumaSize, luma, 2), plane(0, lumaSize + 1, luma, 2)];
    case V4L2_PIX_FMT_NV12M: {
      const chroma = layout.planes[1]?.bytesPerLine ?? luma;
      return [plane(0, 0, luma, 1), plane(1, 0, chroma, 2), plane(1, 1, chroma, 2)];
    }
    case V4L2_PIX_FMT_YUV420: {
      const chroma = luma / 2;
      const chromaSize = chroma * Math.ceil(layout.height / 2);
      return [plane(0, 0, luma, 1), plane(0, lumaSize, chroma, 1), plane(0, lumaSize + chromaSize, chroma, 1)];
    }
    case V4L2_PIX_FMT_YUV420M: {
      const chroma = layout.planes[1]?.bytesPerLine ?? luma / 2;
      return [plane(0, 0, luma, 1), plane(1, 0, chroma, 1), plane(2, 0, chroma, 1)];
    }
    default:
      throw new DemoError(
        `pictures of the pixel format 0x${layout.fourcc.toString(16)} cannot be read here: choose NV12 or YU12`,
      );
  }
}

function copyPlane(from: Component, left: number, top: number, width: number, height: number, to: Uint8Array, at: number): void {
  for (let row = 0; row < height; row++) {
    const start = from.offset + (top + row) * from.stride + left * from.step;
    const target = at + row * width;
    if (from.step === 1) to.set(from.bytes.subarray(start, start + width), target);
    else for (let x = 0; x < width; x++) to[target + x] = from.bytes[start + x * from.step] ?? 0;
  }
}
