// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { adjust, toYcbcr } from './colour.ts';

const PLAIN = { brightness: 128, contrast: 128, saturation: 128, hue: 0 };
const colour = fc.tuple(fc.integer({ min: 0, max: 255 }), fc.integer({ min: 0, max: 255 }), fc.integer({ min: 0, max: 255 }));

describe('colours', () => {
  it('have the values of BT.601 and BT.709 for the 100 % bars', () => {
    const bars = (matrix: 'rec601' | 'rec709'): (readonly number[])[] =>
      (
        [
          [255, 255, 255],
          [255, 255, 0],
          [0, 255, 255],
          [0, 255, 0],
          [255, 0, 255],
          [255, 0, 0],
          [0, 0, 255],
          [0, 0, 0],
        ] as const
      ).map((rgb) => toYcbcr(rgb, matrix));
    // The published tables of both recommendations' bars.
    expect(bars('rec601')).toEqual([
      [235, 128, 128],
      [210, 16, 146],
      [170, 166, 16],
      [145, 54, 34],
      [106, 202, 222],
      [81, 90, 240],
      [41, 240, 110],
      [16, 128, 128],
    ]);
    expect(bars('rec709')).toEqual([
      [235, 128, 128],
      [219, 16, 138],
      [188, 154, 16],
      [173, 42, 26],
      [78, 214, 230],
      [63, 102, 240],
      [32, 240, 118],
      [16, 128, 128],
    ]);
  });

  it('are left alone by neutral controls', () => {
    fc.assert(
      fc.property(colour, (rgb) => {
        expect(adjust(rgb, PLAIN, 'rec709')).toEqual(rgb);
      }),
    );
  });

  it('stay within limited range whatever the controls say', () => {
    fc.assert(
      fc.property(
        colour,
        fc.record({
          brightness: fc.integer({ min: 0, max: 255 }),
          contrast: fc.integer({ min: 0, max: 255 }),
          saturation: fc.integer({ min: 0, max: 255 }),
          hue: fc.integer({ min: -180, max: 180 }),
        }),
        fc.constantFrom('rec601', 'rec709'),
        (rgb, settings, matrix) => {
          const [y, cb, cr] = toYcbcr(adjust(rgb, settings, matrix), matrix);
          expect(y >= 16 && y <= 235 && cb >= 16 && cb <= 240 && cr >= 16 && cr <= 240).toBe(true);
        },
      ),
    );
  });
});
