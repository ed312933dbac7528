// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { started, WRITE } from '../testing/queue-rig.ts';
import type { Chain } from '../virtqueue/chain.ts';
import { BusyPolling } from './busy-polling.ts';
import { CommandLoop } from './command-loop.ts';

const NO_NOTIFY = 1;
const LIMIT = 0.05;

/**
 * A loop over a ring whose driver sends its next command `gap` milliseconds after each answer: the clock goes 1 us ahead whenever
 * it is read, and the driver offers what is due by then.
 */
function rig(polling = new BusyPolling(LIMIT), late = false) {
  const { ring, queue } = started({ size: 64 });
  for (let i = 0; i < 64; i++) ring.descriptor(i, { addr: ring.data + 64 * i, len: 8, flags: WRITE });
  let now = 0;
  let due = Infinity;
  let offered = 0;
  const seen = { handled: 0, held: [] as Chain[] };
  const offer = (): void => ring.offer([offered++ % 64]);
  const loop: CommandLoop = new CommandLoop({
    queue,
    budget: { commands: 10, milliseconds: 2, waitingBytes: 1000 },
    now: () => {
      now += 0.001;
      if (now >= due) {
        due = Infinity;
        offer();
      }
      return now;
    },
    command: (chain) => {
      seen.handled++;
      if (late) seen.held.push(chain);
      else loop.answer(chain, 8);
    },
    notify: () => {},
    begin: () => {},
    end: () => {},
    again: () => {},
    polling,
  });
  return {
    ring,
    loop,
    seen,
    /** A command `idle` milliseconds after the last wake-up; the one after it comes `next` milliseconds later. True if that was waited for. */
    command: (idle: number, next = Infinity): boolean => {
      now += idle;
      offer();
      due = now + next;
      return loop.run();
    },
    /** The command that was waited for has its turn. */
    go: (): boolean => loop.run(),
  };
}

describe('a command loop that polls', () => {
  it('waits for the next command after eight in quick succession, and needs no doorbell for it', () => {
    const { ring, command, go, seen } = rig();
    expect(Array.from({ length: 8 }, () => command(0.08))).toEqual(Array(8).fill(false));
    expect(ring.usedFlags).toBe(0);
    expect(command(0.08, 0.03)).toBe(true);
    expect([ring.usedFlags, seen.handled]).toEqual([NO_NOTIFY, 9]);
    expect(go()).toBe(false);
    expect([ring.usedFlags, seen.handled]).toEqual([0, 10]);
  });

  it('asks for doorbells again when it waited in vain, and then wants twice as many quick commands', () => {
    const { ring, command } = rig();
    for (let i = 0; i < 8; i++) command(0.08);
    expect(command(0.08)).toBe(false);
    expect(ring.usedFlags).toBe(0);
    for (let i = 0; i < 15; i++) expect(command(0.02, 0.03)).toBe(false);
  });

  it('does not wait for a driver that takes its time', () => {
    const { command } = rig();
    for (let i = 0; i < 50; i++) expect(command(i % 8 === 7 ? 0.11 : 0.02, 0.03)).toBe(false);
  });

  it('does not wait while a command has no answer yet', () => {
    const { command, seen } = rig(undefined, true);
    for (let i = 0; i < 50; i++) expect(command(0.02, 0.03)).toBe(false);
    expect(seen.held.length).toBe(50);
  });

  it('does not wait while another ring of the thread has commands, too', () => {
    const polling = new BusyPolling(LIMIT);
    const [one, two] = [rig(polling), rig(polling)];
    for (let i = 0; i < 50; i++) expect([one.command(0.02, 0.03), two.command(0.02, 0.03)]).toEqual([false, false]);
  });

  it('waits no longer than its limit', () => {
    const { command, loop } = rig();
    for (let i = 0; i < 8; i++) command(0.02);
    expect(command(0.02, LIMIT + 0.02)).toBe(false);
    expect(loop.answered).toBe(9);
  });
});

describe('BusyPolling', () => {
  it('forgets after a success how often it looked in vain', () => {
    const polling = new BusyPolling(LIMIT);
    const ring = {};
    let now = 0;
    const quick = (count: number): void => {
      for (let i = 0; i < count; i++) {
        polling.began(ring, now);
        polling.ended(now);
        now += 0.01;
      }
    };
    quick(9);
    for (const needed of [16, 32, 64]) {
      expect(polling.worthwhile).toBe(true);
      polling.ended(now, false);
      quick(needed - 1);
      expect(polling.worthwhile).toBe(false);
      quick(1);
    }
    polling.ended(now, true);
    now += 1;
    quick(8);
    expect(polling.worthwhile).toBe(false);
    quick(1);
    expect(polling.worthwhile).toBe(true);
  });
});
