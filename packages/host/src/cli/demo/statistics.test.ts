// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { intervals, mean, percentile } from './statistics.ts';

describe('statistics', () => {
  it('take percentiles by the nearest rank', () => {
    const values = Array.from({ length: 100 }, (_, i) => 100 - i);
    expect([0, 0.5, 0.99, 1].map((share) => percentile(values, share))).toEqual([1, 50, 99, 100]);
    expect(percentile([7], 0.99)).toBe(7);
  });

  it('have no percentile and no mean of an empty list', () => {
    expect(percentile([], 0.5)).toBeNaN();
    expect(mean([])).toBeNaN();
  });

  it('take the distances between neighbours', () => {
    expect(intervals([1, 3, 8])).toEqual([2, 5]);
    expect(mean(intervals([1, 3, 8]))).toBe(3.5);
  });
});
