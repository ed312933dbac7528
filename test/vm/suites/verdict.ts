// SPDX-License-Identifier: Apache-2.0
import { expect } from 'vitest';
import type { VmRig } from './rig.ts';

/** The only warning that a loaded machine may cause: frames that came while the guest was not running are missed, as on hardware. */
const GAP = /got sequence number (\d+), expected (\d+)/;

/**
 * What the tool says where a first read that does not wait found no frame (`EAGAIN`), and the same after the node was opened again found
 * one, or the other way round. Either is right; that they differ tells that a frame came while the guest was not running.
 */
const READS_DIFFER = [/v4l2-test-buffers\.cpp\(\d+\): ret2 != ret \|\| err2 != err$/, /^\s*test read\/write: FAIL$/];

/** What the tool says where the events of three subscriptions, one after the other, lie more than half a second apart. */
const EVENTS_LATE = [/v4l2-test-time32-64\.cpp\(\d+\): delta_ms > \d+ \(got \d+\)$/, /^\s*test TIME32\/64: FAIL$/];
const TRIES = 3;
const TIMEOUT = 1_200_000;

interface Verdict {
  /** the tool's last line */
  readonly summary: string;
  readonly complaints: readonly string[];
}

/**
 * Fails unless v4l2-compliance with `flags` finds no failure and gives no warning. A gap in the sequence is given two more chances, and
 * is right where the machine is so busy that each try has some: later numbers, never earlier ones. Reads that differ and events that
 * are late are given two more chances as well, and one of them must be without a fault.
 */
export async function expectCompliance(
  rig: VmRig,
  device: string,
  flags: string,
  title: string,
  timeout = TIMEOUT,
): Promise<void> {
  let verdict = await judge(rig, device, flags, timeout);
  for (let tries = 1; tries < TRIES && isOfBusyMachine(verdict); tries++) verdict = await judge(rig, device, flags, timeout);
  console.log(`${title}: ${device} ${flags}: ${verdict.summary}`);
  expect(verdict.complaints.filter((line) => !isForward(line))).toEqual([]);
  const total = /^Total for .*: (\d+), Succeeded: \1, Failed: 0, Warnings: (\d+)$/.exec(verdict.summary);
  expect(Number(total?.[2]), verdict.summary).toBe(verdict.complaints.length);
}

const isForward = (line: string): boolean => {
  const [, got, expected] = GAP.exec(line) ?? [];
  return Number(got) > Number(expected);
};

const BUSY_MACHINE = [GAP, ...READS_DIFFER, ...EVENTS_LATE];

const isOfBusyMachine = ({ complaints }: Verdict): boolean =>
  complaints.length > 0 && complaints.every((line) => BUSY_MACHINE.some((complaint) => complaint.test(line)));

async function judge(rig: VmRig, device: string, flags: string, timeout: number): Promise<Verdict> {
  const { stdout } = await rig.guest.run(`v4l2-compliance -P --color never -d ${rig.nodes[device]} ${flags} 2>&1`, timeout);
  const complaints = stdout.split('\n').filter((line) => /^\s*(warn|fail)\b/i.test(line) || /: FAIL$/.test(line));
  return { summary: stdout.trim().split('\n').at(-1) ?? '', complaints };
}
