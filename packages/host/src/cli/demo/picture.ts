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
  /** what Y'CbCr means; where nobody has said, what it has in video of that height */
  readonly matrix?: 'rec601' | 'rec709';
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

function components({ layout, planes }: GuestPicture): readonly [Component, Component, Component] {
  const component = (index: number, step: number, first = 0): Component => {
    const colour = layout.colours[index];
    const bytes = planes[colour?.buffer ?? 0];
    if (!colour || !bytes) throw new DemoError(`colour plane ${index} of the picture is missing`);
    return { bytes, offset: colour.offset + first, stride: colour.stride, step };
  };
  switch (layout.fourcc) {
    case V4L2_PIX_FMT_NV12:
    case V4L2_PIX_FMT_NV12M:
      return [component(0, 1), component(1, 2), component(1, 2, 1)];
    case V4L2_PIX_FMT_YUV420:
    case V4L2_PIX_FMT_YUV420M:
      return [component(0, 1), component(1, 1), component(2, 1)];
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
