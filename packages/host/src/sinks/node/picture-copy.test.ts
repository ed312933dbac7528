// SPDX-License-Identifier: Apache-2.0
import { fourcc, type PictureLayout, pictureLayout } from '@paravideo/core';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { copyPicture } from './picture-copy.ts';

const FORMATS = ['YU12', 'NV12', 'YUYV', 'RGB3', 'GREY', 'NM12', 'YM12'].map(fourcc);

/** The samples of a picture, line by line. */
function samples({ colours }: PictureLayout, planes: readonly Uint8Array[]): number[] {
  return colours.flatMap(({ buffer, offset, stride, rows, lineBytes }) =>
    Array.from({ length: rows }, (_, row) => {
      const at = offset + row * stride;
      return [...(planes[buffer]?.subarray(at, at + lineBytes) ?? [])];
    }).flat(),
  );
}

it('a picture that is copied has the same samples, whatever padding its lines have here and there', () => {
  const side = fc.integer({ min: 1, max: 20 }).map((half) => 2 * half);
  const padding = fc.integer({ min: 0, max: 40 });
  fc.assert(
    fc.property(fc.constantFrom(...FORMATS), side, side, padding, padding, (format, width, height, here, there) => {
      const least = pictureLayout(format, width, height)?.colours[0]?.stride ?? 0;
      const [from, to] = [here, there].map((more) => pictureLayout(format, width, height, least + more) as PictureLayout);
      if (from === undefined || to === undefined) throw new TypeError('there are such pictures');
      const planes = from.sizes.map((size) => Uint8Array.from({ length: size }, (_, i) => (i * 7 + 1) & 0xff));
      const made = to.sizes.map((size) => new Uint8Array(size));
      copyPicture(from, planes, to, made);
      expect(samples(to, made)).toEqual(samples(from, planes));
    }),
  );
});
