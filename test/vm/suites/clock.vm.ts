// SPDX-License-Identifier: Apache-2.0
/** Timestamps of a camera in the guest's clock: the driver's arithmetic by itself, with any course of two clocks, and in a guest. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildProgram, REPOSITORY } from '../lab/index.ts';
import { kernelComplaints } from './kernel-log.ts';
import { lab, startRig, TRANSPORTS, type VmRig } from './rig.ts';

const MS = 1_000_000;
const PERIOD = 33 * MS;
const PROGRAMS = join(REPOSITORY, 'test/vm/guest');

/** The emulated processor's own counter is gauged once, while booting: on a busy machine it may be far off. */
const CLOCK_WORDS = ['clocksource=hpet'];

/** A frame: when the device took it, in its clock, and when it came, in the guest's. */
interface Frame {
  readonly device: number;
  readonly arrival: number;
}

/** A small, repeatable delay between 1 and 4 ms. */
const delay = (i: number) => MS + ((i * 7919) % 3000) * 1000;

/** Frames whose true time in the guest's clock is `device + offset(i)`; none overtakes another. */
function course(count: number, offset: (i: number) => number, late = delay, device = (i: number) => 5e12 + i * PERIOD): Frame[] {
  let before = 0;
  return Array.from({ length: count }, (_, i) => {
    before = Math.max(device(i) + offset(i) + late(i), before + 1000);
    return { device: device(i), arrival: before };
  });
}

const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;

describe('the driver’s clock', () => {
  let folder = '';
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'paravideo-clock-'));
    for (const name of ['bare.h', 'clock.c']) cpSync(join(PROGRAMS, name), join(folder, name));
    cpSync(join(REPOSITORY, 'guest/linux/clock.h'), join(folder, 'clock.h'));
    cpSync(join(REPOSITORY, 'guest/linux/clock.c'), join(folder, 'driver-clock.h'));
    await buildProgram((await lab()).kernel, join(folder, 'clock.c'), join(folder, 'clock'));
  }, 600_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** The times that the driver gives them; never after the arrival, never before the one before. */
  function translate(frames: readonly Frame[]): number[] {
    const pairs = new BigUint64Array(frames.flatMap(({ device, arrival }) => [BigInt(device), BigInt(arrival)]));
    const { stdout, status } = spawnSync(join(folder, 'clock'), { input: new Uint8Array(pairs.buffer) });
    expect(status).toBe(0);
    const times = [...new BigUint64Array(Uint8Array.from(stdout).buffer)].map(Number);
    expect(times).toHaveLength(frames.length);
    for (const [i, time] of times.entries()) {
      expect(time).toBeLessThanOrEqual(frames[i]?.arrival ?? 0);
      expect(time).toBeGreaterThanOrEqual(times[i - 1] ?? 0);
    }
    return times;
  }

  /** How many distances between frames are more than 1 ms off the device’s, in `frames` from `first` on. */
  function distorted(frames: readonly Frame[], times: readonly number[], first = 1): number {
    const off = (i: number) => (times[i] ?? 0) - (times[i - 1] ?? 0) - ((frames[i]?.device ?? 0) - (frames[i - 1]?.device ?? 0));
    return frames.filter((_, i) => i >= first && Math.abs(off(i)) > MS).length;
  }
  const early = (frames: readonly Frame[], times: readonly number[]) =>
    median(frames.map(({ arrival }, i) => arrival - (times[i] ?? 0)));

  it.each([
    ['that go alike', () => -4e12],
    ['of which the host’s is slower by 100 ppm', (i: number) => -4e12 + (i * PERIOD) / 1e4],
    ['of which the host’s is faster by 100 ppm', (i: number) => -4e12 - (i * PERIOD) / 1e4],
    ['of which the guest’s is far ahead', () => 9e14],
  ])('keeps the distances, and stays close to the arrival, with two clocks %s', (_, offset) => {
    const frames = course(3000, offset);
    const times = translate(frames);
    expect(distorted(frames, times)).toBe(0);
    expect(early(frames, times)).toBeLessThan(10 * MS);
  });

  it('bears a stall: the frames that waited keep their distances, too', () => {
    const frames = course(
      300,
      () => 0,
      (i) => delay(i) + (i >= 100 && i < 104 ? 1500 * MS - (i - 100) * PERIOD : 0),
    );
    expect(distorted(frames, translate(frames))).toBe(0);
  });

  it('learns anew at once when the guest was paused, and its clock with it', () => {
    const frames = course(
      600,
      (i) => (i < 300 ? 0 : -7000 * MS),
      delay,
      (i) => 5e12 + i * PERIOD + (i < 300 ? 0 : 7000 * MS),
    );
    const times = translate(frames);
    expect(distorted(frames.slice(300), times.slice(300))).toBeLessThanOrEqual(3);
    expect(early(frames.slice(300), times.slice(300))).toBeLessThan(10 * MS);
  });

  it.each([
    ['an older clock', 8e12],
    ['a younger one', 2e12],
  ])('learns anew when it is migrated to a host with %s', (_, start) => {
    const frames = course(
      600,
      (i) => (i < 300 ? 0 : 5e12 - start),
      delay,
      (i) => (i < 300 ? 5e12 : start) + i * PERIOD,
    );
    const times = translate(frames);
    expect(distorted(frames.slice(300), times.slice(300))).toBeLessThanOrEqual(3);
    expect(early(frames.slice(300), times.slice(300))).toBeLessThan(10 * MS);
  });

  it('learns anew within 3 s when the guest’s clock went ahead', () => {
    const frames = course(600, (i) => (i < 300 ? 0 : 7000 * MS));
    const times = translate(frames);
    expect(early(frames.slice(400), times.slice(400))).toBeLessThan(10 * MS);
    expect(distorted(frames, times)).toBe(1);
  });

  it('bears a first frame that is slow, and any timestamp from the device', () => {
    const slow = course(
      300,
      () => 0,
      (i) => (i === 0 ? 150 * MS : delay(i)),
    );
    expect(distorted(slow, translate(slow), 6)).toBe(0);
    translate([0, 2 ** 63, 1, 2 ** 62, 5].map((device, i) => ({ device, arrival: (i + 1) * PERIOD })));
  });
});

describe.each(TRANSPORTS)('a camera’s timestamps in a guest, over %s', (transport) => {
  let rig: VmRig;
  beforeAll(async () => {
    rig = await startRig([{ kind: 'camera', name: 'camera', size: '320x240' }], transport, { kernelWords: CLOCK_WORDS });
    await buildProgram((await lab()).kernel, join(PROGRAMS, 'stamps.c'), join(rig.guest.share, 'stamps'));
  }, 600_000);
  afterAll(() => rig?.[Symbol.asyncDispose](), 60_000);

  /** Films; the age of each frame when DQBUF returned it, in microseconds. */
  async function ages(frames: number): Promise<number[]> {
    const text = await rig.guest.must(`/mnt/stamps ${rig.nodes.camera} ${frames}`);
    const lines = text
      .trim()
      .split('\n')
      .map((line) => line.split(' ').map(Number) as [number, number]);
    expect(lines).toHaveLength(frames);
    for (const [i, [time, now]] of lines.entries()) {
      expect(time, 'not from the future').toBeLessThanOrEqual(now);
      expect(time, 'not before the one before').toBeGreaterThanOrEqual(lines[i - 1]?.[0] ?? 0);
    }
    return lines.map(([time, now]) => now - time);
  }

  it('are of the guest’s clock, and close to the arrival', async () => {
    // a busy machine is slow to hand frames on: one quiet moment is enough
    let best = Number.POSITIVE_INFINITY;
    for (let tries = 0; tries < 20 && best > 20_000; tries++) best = Math.min(best, median(await ages(60)));
    console.log(`${transport}: at the median ${(best / 1000).toFixed(1)} ms before DQBUF`);
    expect(best).toBeLessThanOrEqual(20_000);
  });

  it('are of the guest’s clock after a pause of the guest, too', async () => {
    const filming = ages(150);
    for (let i = 0; i < 3; i++) {
      await rig.guest.stop();
      await rig.guest.resume();
    }
    const old = await filming;
    expect(median(old.slice(-30))).toBeLessThan(1_000_000);
    expect(await kernelComplaints(rig.guest)).toEqual([]);
  });
});
