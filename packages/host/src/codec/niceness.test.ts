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

interface NiceValues {
  readonly first: number;
  readonly others: ReadonlySet<number>;
}

/** Waits until the first thread of a process and its others have these nice values, while a stream is decoded by `threads`. */
async function expectNice(threads: number, first: number): Promise<void> {
  await using rig = makeRig({ threads });
  await using player = new Player(rig, 'h264');
  await player.play(units);
  const pid = rig.host.pid ?? 0;
  const others = () => readdirSync(`/proc/${pid}/task`).filter((task) => task !== String(pid));
  expect(others().length).toBeGreaterThanOrEqual(2);
  const values = (): NiceValues => ({
    first: getPriority(pid),
    others: new Set(others().map((task) => getPriority(Number(task)))),
  });
  // The list of threads is asked for when the format is known; its answer may come after the pictures.
  await expect.poll(values, { timeout: 50_000 }).toEqual({ first, others: new Set([5]) });
}

// Whoever runs the tests with a nice value of his own cannot have children that are less nice.
describe.skipIf(getPriority() > 0)('the nice values of a codec process', () => {
  it('put the thread that feeds the decoding ones between them and the event loop', async () => {
    await expectNice(2, 2);
  });

  it('put a thread that decodes itself behind the event loop', async () => {
    await expectNice(1, 5);
  });

  it('count against the event loop, since the process is in its session', async () => {
    await using rig = makeRig({ threads: 1 });
    await using player = new Player(rig, 'h264');
    await player.play(units);
    expect(sessionOf(rig.host.pid ?? 0)).toBe(sessionOf('self'));
  });
});
