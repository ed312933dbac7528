// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RangeAllocator } from './range-allocator.ts';

describe('a range allocator', () => {
  it('takes the lowest gap that is large enough', () => {
    const ranges = new RangeAllocator(100, 60);
    expect([ranges.take(20), ranges.take(10), ranges.take(20), ranges.take(11)]).toEqual([100, 120, 130, undefined]);
    ranges.give(100, 20);
    ranges.give(130, 20);
    expect([ranges.take(30), ranges.take(20), ranges.take(1)]).toEqual([130, 100, undefined]);
  });

  it('joins what comes back with its neighbours on both sides', () => {
    const ranges = new RangeAllocator(0, 40);
    for (let i = 0; i < 4; i++) expect(ranges.take(10)).toBe(i * 10);
    for (const start of [30, 0, 20, 10]) ranges.give(start, 10);
    expect(ranges.take(40)).toBe(0);
  });

  it('takes an aligned range out of the middle of a gap and leaves both ends free', () => {
    const ranges = new RangeAllocator(3, 13);
    expect(ranges.take(4, 8)).toBe(8);
    expect([ranges.take(5), ranges.take(4)]).toEqual([3, 12]);
    expect(ranges.take(1)).toBeUndefined();
  });

  it('counts in whole units, and leaves a rest at the end unused', () => {
    const ranges = new RangeAllocator(4096, 3 * 4096 + 5, 4096);
    expect(ranges.rounded(4097)).toBe(8192);
    expect([ranges.take(1, 16), ranges.take(4097), ranges.take(1)]).toEqual([4096, 8192, undefined]);
    ranges.give(4096, 1);
    expect(ranges.take(4096)).toBe(4096);
  });

  it('gives nothing for a length that is not positive, or out of an empty range', () => {
    const ranges = new RangeAllocator(0, 10);
    expect([ranges.take(0), ranges.take(-1), ranges.take(Number.NaN)]).toEqual([undefined, undefined, undefined]);
    expect(new RangeAllocator(0, 0).take(1)).toBeUndefined();
    expect(new RangeAllocator(0, 4095, 4096).takeFirst(4096)).toBeUndefined();
  });

  it('takes the first free piece, in whole units and up to a limit', () => {
    const ranges = new RangeAllocator(0, 0, 10);
    ranges.give(20, 30);
    ranges.give(80, 10);
    expect(ranges.takeFirst(9)).toBeUndefined();
    expect(ranges.takeFirst(25)).toEqual({ start: 20, length: 20 });
    expect(ranges.takeFirst(1000)).toEqual({ start: 40, length: 10 });
    expect(ranges.takeFirst(1000)).toEqual({ start: 80, length: 10 });
    expect(ranges.takeFirst(1000)).toBeUndefined();
  });

  it('agrees with a naive table of single places, whatever is taken and given back', () => {
    const size = 64;
    const step = fc.record({ length: fc.integer({ min: 1, max: 20 }), align: fc.constantFrom(1, 2, 8, 16), giveAt: fc.nat() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const ranges = new RangeAllocator(0, size);
        const places = new Array<boolean>(size).fill(false);
        const taken: { start: number; length: number }[] = [];
        const free = (start: number, length: number): boolean =>
          start + length <= size && places.slice(start, start + length).every((used) => !used);
        for (const { length, align, giveAt } of steps) {
          let wanted: number | undefined;
          for (let start = 0; start < size && wanted === undefined; start += align) if (free(start, length)) wanted = start;
          expect(ranges.take(length, align)).toBe(wanted);
          if (wanted !== undefined) {
            places.fill(true, wanted, wanted + length);
            taken.push({ start: wanted, length });
          }
          const back = giveAt % 3 === 0 ? taken.splice(giveAt % Math.max(1, taken.length), 1)[0] : undefined;
          if (back === undefined) continue;
          places.fill(false, back.start, back.start + back.length);
          ranges.give(back.start, back.length);
        }
        for (const { start, length } of taken) ranges.give(start, length);
        expect(ranges.takeFirst(size)).toEqual({ start: 0, length: size });
      }),
    );
  });
});
