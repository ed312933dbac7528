// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { type FrameTime, StreamClock } from './stream-clock.ts';

const HOUR = 3600;
const RATE = 30;

/** Numbers from 0 to 1 that are the same in every run. */
function chance(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

interface Shown extends FrameTime {
  readonly sent: number;
  readonly arrival: number;
}

/** A camera whose crystal is `ppm` too fast sends for so many seconds; `delay` is what the network takes for a frame. */
function play(clock: StreamClock, o: { ppm?: number; seconds: number; first?: number; delay?: (n: number) => number }): Shown[] {
  const shown: Shown[] = [];
  let arrived = 0;
  for (let n = 0; n < o.seconds * RATE; n += 1) {
    const sent = 1e9 + (n * 1e6) / RATE;
    const media = ticks(Math.round((o.first ?? 0) + (n * 90_000 * (1 + (o.ppm ?? 0) / 1e6)) / RATE));
    // A connection keeps the order of what it carries.
    arrived = Math.max(arrived, sent + (o.delay?.(n) ?? 0));
    shown.push({ ...clock.frame(media, arrived), sent, arrival: arrived });
  }
  return shown;
}

/** Microseconds of so many ticks of MPEG-TS and of RTP's video. */
const ticks = (count: number): number => (count * 1e6) / 90_000;

const live = () => new StreamClock({ lead: 50_000, patience: 100_000 });

/** The least and the most that lay between two frames. */
function gaps(shown: readonly Shown[]): { least: number; most: number } {
  const all = shown.slice(1).map((frame, n) => frame.time - (shown[n]?.time ?? 0));
  return { least: all.reduce((a, b) => Math.min(a, b)), most: all.reduce((a, b) => Math.max(a, b)) };
}

describe('the clock of a live stream', () => {
  it.each([-500, 0, 500])('neither drifts nor loses a frame in an hour of a camera that is off by %i ppm', (ppm) => {
    const random = chance(7);
    const shown = play(live(), { ppm, seconds: HOUR, delay: () => 5_000 + random() * 30_000 });
    expect(shown.filter((frame) => frame.late || frame.anew)).toEqual([]);
    const delays = shown.slice(RATE * 20).map((frame) => frame.time - frame.sent);
    const least = delays.reduce((a, b) => Math.min(a, b));
    const most = delays.reduce((a, b) => Math.max(a, b));
    // 5 ms of the way and 50 ms of lead. What follows lags by 2.5 ms (500 ppm over the gain), and by as much as the crystals
    // part in the eight seconds of the quickest way, 4 ms; without following it would be 1.8 s off at the end.
    expect(least).toBeGreaterThan(48_000);
    expect(most).toBeLessThan(62_000);
    const { least: shortest, most: longest } = gaps(shown.slice(RATE * 20));
    expect(shortest).toBeGreaterThan(33_200);
    expect(longest).toBeLessThan(33_450);
  });

  it('drops what a stall of the network held up, and keeps the delay from before', () => {
    const stall = (n: number) => Math.max(0, n >= 300 && n < 345 ? 1_500_000 - ((n - 300) * 1e6) / RATE : 0);
    const shown = play(live(), { seconds: 30, delay: stall });
    const late = shown.filter((frame) => frame.late);
    expect(late.length).toBeGreaterThan(38);
    expect(late.every((frame) => frame.arrival - frame.time > 100_000)).toBe(true);
    expect(shown.some((frame) => frame.anew)).toBe(false);
    const after = shown.at(-1);
    expect(Math.abs((after?.time ?? 0) - (after?.sent ?? 0) - 50_000)).toBeLessThan(2_000);
  });

  it('makes up for a way that became quicker by two frames in a thousand at most, so that nobody sees it', () => {
    const shown = play(live(), { seconds: 60, delay: (n) => (n < 300 ? 80_000 : 0) });
    expect(gaps(shown).least).toBeGreaterThan(33_333 - 70);
    expect(gaps(shown).most).toBeLessThan(33_333 + 70);
    const end = shown.at(-1);
    expect((end?.time ?? 0) - (end?.sent ?? 0)).toBeLessThan(52_000);
  });

  it('takes a delay that stays for the new one after two seconds', () => {
    const shown = play(live(), { seconds: 30, delay: (n) => (n < 300 ? 0 : 700_000) });
    const again = shown.findIndex((frame) => frame.anew);
    expect((shown[again]?.arrival ?? 0) - (shown[300]?.arrival ?? 0)).toBeGreaterThanOrEqual(2_000_000);
    expect((shown[again]?.arrival ?? 0) - (shown[300]?.arrival ?? 0)).toBeLessThan(2_100_000);
    expect(shown.slice(again).filter((frame) => frame.late)).toEqual([]);
  });

  it.each([
    ['back', -60],
    ['ahead', 3600],
    ['back by a day, since 33 bits of ticks were full', -95_443],
  ])('begins anew where the times jump %s, without a pause or a burst', (_way, seconds) => {
    const clock = live();
    const before = play(clock, { seconds: 5, first: 90_000 * 100 });
    const arrival = Math.round(before.at(-1)?.arrival ?? 0) + 33_333;
    const jump = clock.frame(1e6 * (105 + seconds), arrival);
    expect(jump).toEqual({ time: arrival + 50_000, late: false, anew: true });
    expect(clock.frame(1e6 * (105 + seconds) + 33_333, arrival + 33_333)).toMatchObject({ late: false, anew: false });
  });

  it('does not hold up what comes after a jump for the sake of frames that still wait', () => {
    const clock = live();
    const arrival = Math.round(play(clock, { seconds: 5 }).at(-1)?.arrival ?? 0);
    const ahead = clock.frame(12e6, arrival + 33_333);
    expect(ahead.time - arrival).toBeGreaterThan(6_000_000);
    expect(clock.frame(0, arrival + 66_667)).toEqual({ time: arrival + 116_667, late: false, anew: true });
  });

  it('never asks for a frame to be kept for more than its lead and ten seconds, whatever the stream says', () => {
    const clock = live();
    const random = chance(3);
    for (let n = 0; n < 20_000; n += 1) {
      const arrival = 1e9 + n * 100;
      const { time } = clock.frame(ticks(n % 2 === 0 ? n * 800_000 : Math.floor(random() * 2 ** 33)), arrival);
      expect(time - arrival).toBeLessThanOrEqual(10_050_000 + 20_000);
    }
    // Steps that are each too small to be a jump, from when the quickest way is no longer believed at once.
    const steps = live();
    const from = play(steps, { seconds: 5 }).at(-1)?.arrival ?? 0;
    for (let n = 1; n <= 1000; n += 1) {
      const arrival = from + n * 100;
      expect(steps.frame(5e6 + ticks(n * 800_000), arrival).time - arrival).toBeLessThanOrEqual(10_050_000 + 1000);
    }
  });
});
