// SPDX-License-Identifier: Apache-2.0
import { ManualClock } from '@paravideo/core/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Pacer, type PacerTick } from './pacer.ts';

describe('a pacer', () => {
  it('ticks at start + n x interval for days without drifting, also for intervals that no microsecond divides', () => {
    const clock = new ManualClock(5_000_000);
    const ticks: PacerTick[] = [];
    using _pacer = new Pacer(clock, { numerator: 1001, denominator: 30000 }, (tick) => ticks.push(tick));
    clock.advance(2_000_000);
    expect(ticks).toHaveLength(60);
    expect(ticks.slice(0, 3)).toEqual([
      { index: 0, time: 5_000_000 },
      { index: 1, time: 5_033_367 },
      { index: 2, time: 5_066_733 },
    ]);
    // Thirty days on in one step: it is late by 2.6 million frames, makes none of them up, and is still on its grid.
    const days = 30 * 86_400_000_000;
    const late = new ManualClock(0);
    const seen: PacerTick[] = [];
    using pacer = new Pacer(
      { now: () => late.now(), at: (time, fire) => late.at(Math.max(time, days), fire) },
      { numerator: 1001, denominator: 30000 },
      (tick) => seen.push(tick),
    );
    late.advance(days);
    const [first] = seen;
    expect(seen.length).toBeLessThanOrEqual(2);
    expect(days - (first?.time ?? 0)).toBeLessThan(33_367);
    expect(first?.time).toBe(pacer.due(first?.index ?? 0));
    expect(first?.index).toBe(Math.floor((days * 30000) / 1001 / 1e6));
  });

  it('skips ticks that are past, and neither bursts nor goes back', () => {
    fc.assert(
      fc.property(
        fc.record({ numerator: fc.integer({ min: 1, max: 1001 }), denominator: fc.integer({ min: 1, max: 60_000 }) }),
        fc.array(fc.integer({ min: 0, max: 400_000 }), { minLength: 1, maxLength: 40 }),
        (interval, delays) => {
          const clock = new ManualClock(123);
          const ticks: { tick: PacerTick; at: number }[] = [];
          let n = 0;
          // A loop that is late, each time by something else.
          const busy = {
            now: () => clock.now(),
            at: (time: number, fire: () => void) => clock.at(time + (delays[n++ % delays.length] ?? 0), fire),
          };
          using pacer = new Pacer(busy, interval, (tick) => ticks.push({ tick, at: clock.now() }));
          clock.advance(2_000_000);
          for (const [i, { tick, at }] of ticks.entries()) {
            expect(tick.time).toBe(pacer.due(tick.index));
            expect(tick.time).toBeLessThanOrEqual(at);
            expect(pacer.due(tick.index + 1)).toBeGreaterThan(at);
            if (i > 0) expect(tick.index).toBeGreaterThan(ticks[i - 1]?.tick.index ?? 0);
          }
        },
      ),
    );
  });

  it('is silent after its end, also when it ends in its own tick', () => {
    const clock = new ManualClock();
    let ticks = 0;
    const pacer = new Pacer(clock, { numerator: 1, denominator: 100 }, () => {
      ticks++;
      if (ticks === 3) pacer[Symbol.dispose]();
    });
    clock.advance(1_000_000);
    expect(ticks).toBe(3);
    expect(clock.pending).toBe(0);
  });
});
