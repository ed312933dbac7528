// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { matrixOrientation, turnPlane } from './orientation.ts';

const ONE = 0x10000;
const matrix = (a: number, b: number, c: number, d: number): Buffer => {
  const bytes = Buffer.alloc(36);
  for (const [i, value] of [a, b, 0, c, d].entries()) bytes.writeInt32LE(value, 4 * i);
  return bytes;
};

describe('a display matrix', () => {
  it.each([
    ['nothing', [ONE, 0, 0, ONE], false, false, false],
    ['a quarter turn to the right', [0, ONE, -ONE, 0], true, true, false],
    ['half a turn', [-ONE, 0, 0, -ONE], false, true, true],
    ['a quarter turn to the left', [0, -ONE, ONE, 0], true, false, true],
    ['a mirror', [-ONE, 0, 0, ONE], false, true, false],
    ['a little less than a quarter turn', [1000, ONE - 9, 9 - ONE, 1000], true, true, false],
    ['a size of nothing', [0, 0, 0, 0], false, false, false],
  ] as const)('says %s', (_name, [a, b, c, d], transposed, flipX, flipY) => {
    expect(matrixOrientation(matrix(a, b, c, d))).toEqual({ transposed, flipX, flipY });
  });
});

describe('a plane that is turned', () => {
  it('has each pixel where the matrix sends it, at every size and stride', () => {
    const side = fc.integer({ min: 1, max: 70 });
    const turn = fc.constantFrom(
      [ONE, 0, 0, ONE],
      [0, ONE, -ONE, 0],
      [-ONE, 0, 0, -ONE],
      [0, -ONE, ONE, 0],
      [-ONE, 0, 0, ONE],
      [ONE, 0, 0, -ONE],
      [0, ONE, ONE, 0],
      [0, -ONE, -ONE, 0],
    );
    fc.assert(
      fc.property(side, side, fc.nat(5), turn, (wide, high, padding, [a = 0, b = 0, c = 0, d = 0]) => {
        const from = { bytes: Uint8Array.from({ length: (wide + padding) * high }, (_, i) => i * 31), stride: wide + padding };
        const orientation = matrixOrientation(matrix(a, b, c, d));
        const [width, height] = orientation.transposed ? [high, wide] : [wide, high];
        const to = { bytes: new Uint8Array((width + 3) * height), stride: width + 3 };
        turnPlane(from, to, width, height, orientation);
        const expected = new Uint8Array(to.bytes.length);
        for (let q = 0; q < high; q += 1) {
          for (let p = 0; p < wide; p += 1) {
            const [x, y] = [(a * p + c * q) / ONE, (b * p + d * q) / ONE];
            const [left, top] = [a + c < 0 ? width - 1 : 0, b + d < 0 ? height - 1 : 0];
            expected[(y + top) * to.stride + x + left] = from.bytes[q * from.stride + p] ?? 0;
          }
        }
        expect(to.bytes).toEqual(expected);
      }),
    );
  });
});
