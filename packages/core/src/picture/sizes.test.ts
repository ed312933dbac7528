// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { hasSize, nearestSize, type SourceSizes } from './index.ts';

const LIST: SourceSizes = {
  kind: 'discrete',
  sizes: [
    { width: 640, height: 480 },
    { width: 1280, height: 720 },
  ],
};
const RANGE: SourceSizes = {
  kind: 'stepwise',
  range: { minWidth: 16, maxWidth: 1000, stepWidth: 8, minHeight: 16, maxHeight: 1000, stepHeight: 2 },
};

describe('sizes', () => {
  it('are compared by both sides: the nearest of a list or a range is found', () => {
    expect(nearestSize(LIST, { width: 800, height: 600 })).toEqual({ width: 640, height: 480 });
    expect(nearestSize(LIST, { width: 0xffff_ffff, height: 0xffff_ffff })).toEqual({ width: 1280, height: 720 });
    expect(nearestSize(RANGE, { width: 0, height: 5000 })).toEqual({ width: 16, height: 1000 });
    expect(nearestSize(RANGE, { width: 29, height: 17 })).toEqual({ width: 32, height: 18 });
    const odd = nearestSize(RANGE, { width: 0xffff_ffff, height: 16 });
    expect(odd.width).toBe(1000);
    expect(hasSize(RANGE, odd)).toBe(true);
    expect(hasSize(RANGE, { width: 17, height: 16 })).toBe(false);
  });
});
