// SPDX-License-Identifier: Apache-2.0
import { readdirSync, readFileSync } from 'node:fs';
import { getPriority } from 'node:os';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { Player } from './testing/player.ts';
import { makeRig } from './testing/rig.ts';
import { codedUnits } from './testing/streams.ts';

const units = codedUnits('h264', readFileSync(fileURLToPath(new URL('../../fixtures/h264-b-frames.h264', import.meta.url))));

/** The session of a process: where the kernel groups processes for the scheduler (sched_autogroup), that is the group. */
const sessionOf = (pid: number | 'self'): number => {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[3]);
};

/** Nice values of the first thread of a process, and of its others while a stream is decoded by `threads`. */
async function niceValues(threads: number): Promise<{ first: number; others: number[] }> {
  await using rig = makeRig({ threads });
  await using player = new Player(rig, 'h264');
  await player.play(units);
  const pid = rig.host.pid ?? 0;
  const tasks = readdirSync(`/proc/${pid}/task`).map(Number);
  return { first: getPriority(pid), others: tasks.filter((task) => task !== pid).map((task) => getPriority(task)) };
}

// Whoever runs the tests with a nice value of his own cannot have children that are less nice.
describe.skipIf(getPriority() > 0)('the nice values of a codec process', () => {
  it('put the thread that feeds the decoding ones between them and the event loop', async () => {
    const { first, others } = await niceValues(2);
    expect(first).toBe(2);
    expect(others.length).toBeGreaterThanOrEqual(2);
    expect(new Set(others)).toEqual(new Set([5]));
  });

  it('put a thread that decodes itself behind the event loop', async () => {
    const { first, others } = await niceValues(1);
    expect(first).toBe(5);
    expect(new Set(others)).toEqual(new Set([5]));
  });

  it('count against the event loop, since the process is in its session', async () => {
    await using rig = makeRig({ threads: 1 });
    await using player = new Player(rig, 'h264');
    await player.play(units);
    expect(sessionOf(rig.host.pid ?? 0)).toBe(sessionOf('self'));
  });
});
