// SPDX-License-Identifier: Apache-2.0
import type { Fit } from '@paravideo/core';
import { describe, expect, it } from 'vitest';
import { placement } from './fit.ts';

const film = (width: number, height: number, aspect = 1) => ({ width, height, aspect });
const HD = { width: 1280, height: 720 };
const VGA = { width: 640, height: 480 };

describe('the placement of a film', () => {
  it.each([
    ['of the same shape', film(1920, 1080), HD, 'contain', [1280, 720, 0, 0, 0, 0, 1280, 720]],
    ['of the same shape', film(1920, 1080), HD, 'cover', [1280, 720, 0, 0, 0, 0, 1280, 720]],
    ['of nearly the same shape', film(1279, 721), { width: 1278, height: 720 }, 'contain', [1278, 720, 0, 0, 0, 0, 1278, 720]],
    ['that is wider', film(1920, 1080), VGA, 'contain', [640, 360, 0, 0, 0, 60, 640, 360]],
    ['that is wider', film(1920, 1080), VGA, 'cover', [854, 480, 106, 0, 0, 0, 640, 480]],
    ['that is wider', film(1920, 1080), VGA, 'stretch', [640, 480, 0, 0, 0, 0, 640, 480]],
    ['that is higher', film(1080, 1920), HD, 'contain', [406, 720, 0, 0, 436, 0, 406, 720]],
    ['that is higher', film(1080, 1920), HD, 'cover', [1280, 2276, 0, 778, 0, 0, 1280, 720]],
    ['with wide pixels', film(720, 576, 64 / 45), HD, 'contain', [1280, 720, 0, 0, 0, 0, 1280, 720]],
    ['with narrow pixels', film(720, 480, 8 / 9), VGA, 'contain', [640, 480, 0, 0, 0, 0, 640, 480]],
    ['like a line', film(10_000, 10), HD, 'contain', [1280, 16, 0, 0, 0, 352, 1280, 16]],
    ['like a line', film(10_000, 10), HD, 'cover', [5120, 720, 1920, 0, 0, 0, 1280, 720]],
  ] as const)('%s, %o in %o, %s', (_name, shape, picture, fit, expected) => {
    const { scaled, cut, at, shown } = placement(shape, picture, fit);
    expect([scaled.width, scaled.height, cut.left, cut.top, at.left, at.top, shown.width, shown.height]).toEqual(expected);
  });

  it('has even numbers inside of both pictures, whatever the sizes', () => {
    for (let i = 0; i < 2000; i += 1) {
      const shape = film(1 + ((i * 37) % 900), 1 + ((i * 101) % 700), [1, 0.5, 16 / 11, 3][i % 4]);
      const picture = { width: 16 + 2 * ((i * 13) % 600), height: 16 + 2 * ((i * 29) % 500) };
      for (const fit of ['contain', 'cover', 'stretch'] as Fit[]) {
        const { scaled, cut, at, shown } = placement(shape, picture, fit);
        const numbers = [scaled.width, scaled.height, cut.left, cut.top, at.left, at.top, shown.width, shown.height];
        expect(numbers.every((value) => value >= 0 && value % 2 === 0)).toBe(true);
        expect(cut.left + shown.width <= scaled.width && cut.top + shown.height <= scaled.height).toBe(true);
        expect(at.left + shown.width <= picture.width && at.top + shown.height <= picture.height).toBe(true);
      }
    }
  });
});
