// SPDX-License-Identifier: Apache-2.0
import {
  alignedLayout,
  type PictureLayout,
  pictureLayout,
  V4L2_PIX_FMT_NV12,
  V4L2_PIX_FMT_YUV420,
  V4L2_PIX_FMT_YUYV,
} from '@paravideo/core';
import { describe, expect, it } from 'vitest';
import { mappingsOf, pinned, viewAt } from '../../sys/index.ts';
import { Repacking, sameLayout } from './repacking.ts';

/** A picture whose samples count up, with 255 in its padding. */
function picture(layout: PictureLayout) {
  const memory = pinned(layout.sizes[0] ?? 0);
  memory.bytes.fill(255);
  let n = 0;
  for (const { offset, stride, rows, lineBytes } of layout.colours) {
    for (let row = 0; row < rows; row++) for (let x = 0; x < lineBytes; x++) memory.bytes[offset + row * stride + x] = n++ % 251;
  }
  return memory;
}

function layout(fourcc: number, stride?: number): PictureLayout {
  const made = pictureLayout(fourcc, 10, 6, stride);
  if (made === undefined) throw new Error('no layout');
  return made;
}

describe('a picture of a driver with other lines than were asked for', () => {
  it.each([
    ['YUYV', V4L2_PIX_FMT_YUYV],
    ['NV12', V4L2_PIX_FMT_NV12],
    ['YU12', V4L2_PIX_FMT_YUV420],
  ])('has the samples of the picture in %s, line for line', (_name, fourcc) => {
    const padded = alignedLayout(fourcc, 10, 6, { stride: 32, height: 8, plane: 64 });
    if (padded === undefined) throw new Error('no layout');
    const to = layout(fourcc);
    expect(sameLayout(padded, to)).toBe(false);
    const source = picture(padded);
    const [out] = new Repacking(padded, to).repack([{ address: source.address, length: source.bytes.length }]);
    expect(viewAt(out?.address ?? 0, out?.length ?? 0).slice()).toEqual(picture(to).bytes);
  });

  it('ends where the frame was cut off', () => {
    const [from, to] = [layout(V4L2_PIX_FMT_YUYV, 32), layout(V4L2_PIX_FMT_YUYV)];
    const source = picture(from);
    const [out] = new Repacking(from, to).repack([{ address: source.address, length: 3 * 32 + 5 }]);
    const bytes = viewAt(out?.address ?? 0, out?.length ?? 0).slice();
    expect(bytes.subarray(0, 3 * 20)).toEqual(picture(to).bytes.subarray(0, 3 * 20));
    expect(bytes.subarray(3 * 20).every((byte) => byte === 0)).toBe(true);
  });

  it('lies in memory of its own, which is given back with it', () => {
    const before = mappingsOf('paravideo-camera');
    const repacking = new Repacking(layout(V4L2_PIX_FMT_YUYV, 32), layout(V4L2_PIX_FMT_YUYV));
    expect(mappingsOf('paravideo-camera')).toBe(before + 1);
    repacking[Symbol.dispose]();
    expect(mappingsOf('paravideo-camera')).toBe(before);
  });

  it('is not needed where only the end of the buffer differs', () => {
    const one = layout(V4L2_PIX_FMT_YUYV);
    expect(sameLayout(one, { ...one, sizes: [4096] })).toBe(true);
  });
});
