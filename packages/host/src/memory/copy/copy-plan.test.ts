// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type MemoryRun, planCopy, slice, totalLength } from './copy-plan.ts';

const runs = (base: number): fc.Arbitrary<MemoryRun[]> =>
  fc
    .array(fc.record({ gap: fc.integer({ min: 0, max: 3 }), length: fc.integer({ min: 0, max: 9 }) }), { maxLength: 12 })
    .map((items) => {
      let at = base;
      return items.map(({ gap, length }) => {
        const run = { address: at + gap, length };
        at += gap + length;
        return run;
      });
    });

/** The addresses of a list, byte by byte: the naive view that everything is compared with. */
const bytesOf = (list: readonly MemoryRun[]): number[] =>
  list.flatMap(({ address, length }) => Array.from({ length }, (_, i) => address + i));

describe('planning a copy', () => {
  it('moves byte n of one list to byte n of the other, as many as both have', () => {
    fc.assert(
      fc.property(runs(1000), runs(5000), (from, to) => {
        const steps: number[] = [];
        planCopy(from, to, steps);
        const moved: [number, number][] = [];
        for (let i = 0; i < steps.length; i += 3) {
          for (let n = 0; n < (steps[i + 2] ?? 0); n++) moved.push([(steps[i] ?? 0) + n, (steps[i + 1] ?? 0) + n]);
        }
        const [sources, targets] = [bytesOf(from), bytesOf(to)];
        const count = Math.min(sources.length, targets.length);
        expect(moved).toEqual(Array.from({ length: count }, (_, i) => [targets[i], sources[i]]));
      }),
      { numRuns: 500 },
    );
  });

  it('joins runs that touch on both sides into one copy, and never across two plans', () => {
    const steps: number[] = [];
    planCopy(
      [
        { address: 0, length: 4 },
        { address: 4, length: 4 },
      ],
      [
        { address: 100, length: 3 },
        { address: 103, length: 5 },
      ],
      steps,
    );
    expect(steps).toEqual([100, 0, 8]);
    planCopy([{ address: 8, length: 2 }], [{ address: 108, length: 2 }], steps);
    expect(steps).toEqual([100, 0, 8, 108, 8, 2]);
  });

  it('cuts any part out of a list', () => {
    fc.assert(
      fc.property(runs(0), fc.integer({ min: 0, max: 60 }), fc.integer({ min: 0, max: 60 }), (list, offset, length) => {
        const part = slice(list, offset, length);
        expect(bytesOf(part)).toEqual(bytesOf(list).slice(offset, offset + length));
        expect(totalLength(part)).toBe(bytesOf(part).length);
      }),
      { numRuns: 500 },
    );
  });
});
