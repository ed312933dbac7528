// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { LinuxClock } from './linux-clock.ts';

describe('the clock of Linux', () => {
  it('is the uptime clock, in whole microseconds, and never goes back', () => {
    const clock = new LinuxClock();
    const before = process.hrtime.bigint() / 1000n;
    const samples = Array.from({ length: 1000 }, () => clock.now());
    const after = process.hrtime.bigint() / 1000n;
    expect(samples.every((value, i) => Number.isSafeInteger(value) && value >= (samples[i - 1] ?? 0))).toBe(true);
    expect(BigInt(samples[0] ?? 0) >= before && BigInt(samples.at(-1) ?? 0) <= after).toBe(true);
  });

  it('fires timers at or after their time, also those for the past, and none that was disposed of', async () => {
    const clock = new LinuxClock();
    const start = clock.now();
    const fired: { due: number; at: number }[] = [];
    const done = Promise.withResolvers<void>();
    const dropped = clock.at(start + 3000, () => fired.push({ due: -1, at: 0 }));
    for (const due of [start - 1_000_000, start + 1500, start + 2100, start + 5700]) {
      clock.at(due, () => {
        fired.push({ due, at: clock.now() });
        if (fired.length === 4) done.resolve();
      });
    }
    dropped[Symbol.dispose]();
    dropped[Symbol.dispose]();
    await done.promise;
    expect(fired.map(({ due }) => due).toSorted((a, b) => a - b)).toEqual([
      start - 1_000_000,
      start + 1500,
      start + 2100,
      start + 5700,
    ]);
    expect(fired.every(({ due, at }) => at >= due)).toBe(true);
  });
});
