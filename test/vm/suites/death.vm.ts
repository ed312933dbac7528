// SPDX-License-Identifier: Apache-2.0
/**
 * A daemon that dies while programs use its devices over vfio-user. The protocol knows no reconnection: what the guest has from then on
 * is a PCI device of which every register reads as ones. Each program has to hear of it, and nothing in the guest may hang.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import { GuestError, type ScriptResult } from '../harness/index.ts';
import { DEVICE_LOST, kernelComplaints } from './kernel-log.ts';
import { type Rig, startRig } from './rig.ts';

/** Each runs until its device ends it, or for as long as a hang is waited for. */
const PATIENCE = 240;

/**
 * Quiet programs: QEMU 11.1 aborts in half of the cases in which a message of its own waits for an answer when the daemon dies
 * (docs/VMMS.md), and that is not what this is about.
 */
const PROGRAMS = {
  films: 'v4l2-ctl -d $1 --stream-mmap=4 2>&1 | tail -c 60',
  reads: 'dd if=$2 of=/dev/null bs=1M 2>&1',
  waits: 'v4l2-ctl -d $3 --wait-for-event=source_change=0 2>&1',
} as const;

/** Guests that QEMU may take along before the test is given up. */
const QEMU_DEATHS = 5;

let rig: Rig | undefined;
const end = async () => {
  await rig?.[Symbol.asyncDispose]();
  rig = undefined;
};
afterEach(end, 60_000);

/** Boots a guest, starts the programs and kills the daemon. Undefined if QEMU died with it. */
async function killUnderPrograms(): Promise<Record<string, ScriptResult> | undefined> {
  rig = await startRig(
    [
      { kind: 'camera', name: 'films', size: '320x240', fps: 5 },
      { kind: 'camera', name: 'reads', size: '320x240', fps: 5 },
      { kind: 'decoder', name: 'waits' },
    ],
    'vfio-user',
  );
  const { guest, nodes, daemon } = rig;
  const nodesInOrder = Object.keys(PROGRAMS).map((name) => nodes[name]);
  const running = Object.entries(PROGRAMS).map(async ([name, words]) => {
    const script = `set -- ${nodesInOrder.join(' ')}; timeout -s KILL ${PATIENCE} ${words}`;
    return [name, await guest.run(script, (PATIENCE + 30) * 1000)] as const;
  });
  const ends = Promise.allSettled(running);
  const opened = () => guest.must('for f in /proc/[0-9]*/fd/*; do readlink $f; done 2> /dev/null | grep -c /dev/video; true');
  while (Number(await opened()) < running.length) await sleep(500);
  await sleep(2000);
  process.kill(daemon.pid, 'SIGKILL');
  const settled = await ends;
  if (!guest.running) return undefined;
  return Object.fromEntries(
    settled.map((one) => {
      if (one.status === 'fulfilled') return one.value;
      throw one.reason;
    }),
  );
}

it('lets every program go when the daemon of vfio-user devices was killed, and the module, and the guest', async () => {
  let results: Record<string, ScriptResult> | undefined;
  for (let deaths = 0; !results; deaths++) {
    if (deaths === QEMU_DEATHS) throw new GuestError(`QEMU died with the daemon ${deaths} times of ${deaths}`);
    if (deaths > 0) console.log(`QEMU died with the daemon: ${deaths} times so far`);
    await end();
    results = await killUnderPrograms();
  }
  const seconds = Object.entries(results).map(([name, { millis }]) => `${name} ${(millis / 1000).toFixed(1)} s`);
  console.log(`the programs ran for: ${seconds.join(', ')}`);
  expect(results.films?.stdout).toMatch(/VIDIOC_DQBUF: failed: No such device/);
  expect(results.reads?.stdout).toMatch(/No such device/);
  expect(results.waits?.stdout).toMatch(/No such device/);
  const { guest } = rig as Rig;
  const dead = await guest.run('for d in /dev/video*; do timeout -s KILL 60 v4l2-ctl -d $d --get-fmt-video; done 2>&1');
  expect(dead.stdout.match(/^.*No such device$/gm)).toHaveLength(3);
  await guest.must('timeout -s KILL 60 rmmod paravideo-media');
  // a driver that comes to dead devices takes none of them
  await guest.must('timeout -s KILL 60 modprobe paravideo-media && ! ls /dev/video* && rmmod paravideo-media');
  expect(await kernelComplaints(guest, DEVICE_LOST)).toEqual([]);
  const { pid } = guest;
  const before = performance.now();
  await end();
  expect(performance.now() - before, 'it shuts down by itself').toBeLessThan(25_000);
  expect(() => process.kill(pid, 0)).toThrow();
}, 1_800_000);
