// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { PulledClock } from './pulled-clock.ts';

const FRAME = 40_000;

/** Shows frames of these times of the film, each of which is there as soon as the one before is due. */
function play(clock: PulledClock, media: readonly number[], now = 5_000_000): number[] {
  let at = now;
  return media.map((time) => {
    const frame = clock.frame(time, at);
    at = Math.max(at, frame.time - 200_000);
    return frame.time;
  });
}

const steps = (times: readonly number[]): number[] => times.slice(1).map((time, n) => time - (times[n] ?? 0));

describe('the clock of a film that is fetched', () => {
  it('begins after its lead, and keeps the film’s own steps', () => {
    const times = play(
      new PulledClock(100_000),
      Array.from({ length: 100 }, (_, n) => 7_000_000 + n * FRAME),
    );
    expect(times[0]).toBe(5_100_000);
    expect(new Set(steps(times))).toEqual(new Set([FRAME]));
  });

  it('shows what came too late from when it came on, and goes on from there', () => {
    const clock = new PulledClock(100_000);
    clock.frame(0, 1_000_000);
    expect(clock.frame(FRAME, 9_000_000).time).toBe(9_100_000);
    expect(clock.frame(2 * FRAME, 9_000_000).time).toBe(9_100_000 + FRAME);
  });

  it.each([
    ['back to its beginning', 0],
    ['over a gap of an hour', 3600e6],
  ])('goes on at once where the film steps %s, after what is still to be shown', (_way, to) => {
    const clock = new PulledClock(100_000);
    const before = clock.frame(30e6, 1_000_000).time;
    const cut = clock.frame(to, 1_050_000).time;
    expect(cut - before).toBe(50_000);
    expect(clock.frame(to + FRAME, 1_060_000).time - cut).toBe(FRAME);
  });

  it('never goes back', () => {
    const times = play(new PulledClock(0), [0, FRAME, FRAME, FRAME - 10, 2 * FRAME, -1, 50e6, 3 * FRAME]);
    expect(steps(times).every((step) => step > 0)).toBe(true);
  });
});
