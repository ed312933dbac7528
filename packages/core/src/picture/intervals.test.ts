// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { intervalOf, nearestInterval, type SourceIntervals } from './index.ts';

const RATES: SourceIntervals = {
  kind: 'discrete',
  intervals: [
    { numerator: 1, denominator: 60 },
    { numerator: 1, denominator: 30 },
  ],
};

describe('intervals', () => {
  it('are compared by their value: the nearest of a list is found', () => {
    expect(nearestInterval(RATES, { numerator: 1, denominator: 50 })).toEqual({ numerator: 1, denominator: 60 });
    expect(nearestInterval(RATES, { numerator: 10, denominator: 1 })).toEqual({ numerator: 1, denominator: 30 });
  });

  it('are those of broadcasts for the rates of these', () => {
    expect([30, 29.97, 23.976, 59.94, 12.5].map(intervalOf)).toEqual([
      { numerator: 1, denominator: 30 },
      { numerator: 1001, denominator: 30000 },
      { numerator: 1001, denominator: 24000 },
      { numerator: 1001, denominator: 60000 },
      { numerator: 1000, denominator: 12500 },
    ]);
  });
});
