// SPDX-License-Identifier: Apache-2.0
/**
 * A daemon that dies while programs use its devices over vfio-user. The protocol knows no reconnection: what the guest has from then on
 * is a PCI device of which every register reads as ones. Each program has to hear of it, and nothing in the guest may hang.
 */
import { afterEach, expect, it } from 'vitest';
import { GuestError, type ScriptResult } from '../harness/index.ts';
import { eventually } from './eventually.ts';
import { DEVICE_LOST, kernelComplaints } from './kernel-log.ts';
import { putProgram, startRig, type VmRig } from './rig.ts';

/** Seconds that each runs at most: a hang is none of its ends. */
const PATIENCE = 400;

/**
 * Quiet programs: QEMU 11.1 aborts in half of the cases in which a message of its own waits for an answer when the daemon dies
 * (docs/VMMS.md), and that is not what this is about. Each with the system call that waits for its device, as /proc shows it.
 */
interface Program {
  readonly on: (node: string | undefined) => string;
  readonly waits: RegExp;
}
const PROGRAMS = {
  films: { on: (node) => `/mnt/film until ${node}`, waits: /^16 \S+ 0xc0585611 / },
  reads: { on: (node) => `dd if=${node} of=/dev/null bs=1M`, waits: /^0 / },
  waits: { on: (node) => `v4l2-ctl -d ${node} --wait-for-event=source_change=0`, waits: /^16 \S+ 0x80885659 / },
} satisfies Readonly<Record<string, Program>>;
type Name = keyof typeof PROGRAMS;
const NAMES = Object.keys(PROGRAMS) as Name[];

/** Guests that QEMU may take along before the test is given up. */
const QEMU_DEATHS = 5;

let rig: VmRig | undefined;
const end = async () => {
  await rig?.[Symbol.asyncDispose]();
  rig = undefined;
};
afterEach(end, 60_000);

/** Boots a guest, starts the programs and kills the daemon when each waits for its device. Undefined if QEMU died with it. */
async function killUnderPrograms(): Promise<Readonly<Record<Name, ScriptResult>> | undefined> {
  rig = await startRig(
    [
      { kind: 'camera', name: 'films', size: '320x240', fps: 5 },
      { kind: 'camera', name: 'reads', size: '320x240', fps: 5 },
      { kind: 'decoder', name: 'waits' },
    ],
    'vfio-user',
  );
  const { guest, nodes, daemon } = rig;
  await putProgram(guest, 'film');
  const run = async (name: Name) => {
    const command = `echo $$ > /tmp/${name}.pid; exec ${PROGRAMS[name].on(nodes[name])} 2>&1`;
    return [name, await guest.run(`timeout -s KILL ${PATIENCE} sh -c '${command}'`, (PATIENCE + 60) * 1000)] as const;
  };
  const ends = Promise.allSettled(NAMES.map(run));
  for (const name of NAMES) {
    let call = '';
    const waits = async () => {
      call = (await guest.run(`cat /proc/$(cat /tmp/${name}.pid)/syscall`)).stdout;
      return PROGRAMS[name].waits.test(call);
    };
    expect(await eventually(waits), `${name}: ${call}`).toBe(true);
  }
  process.kill(daemon.pid, 'SIGKILL');
  const settled = await ends;
  if (!guest.running) return undefined;
  const results = settled.map((one) => {
    if (one.status === 'fulfilled') return one.value;
    throw one.reason;
  });
  return Object.fromEntries(results) as Record<Name, ScriptResult>;
}

it('a guest whose vfio-user daemon was killed ends its programs, unloads the module and shuts down', async () => {
  let results: Awaited<ReturnType<typeof killUnderPrograms>>;
  for (let deaths = 0; !results; deaths++) {
    if (deaths === QEMU_DEATHS) throw new GuestError(`QEMU died with the daemon ${deaths} times of ${deaths}`);
    if (deaths > 0) console.log(`QEMU died with the daemon: ${deaths} times so far`);
    await end();
    results = await killUnderPrograms();
  }
  const seconds = Object.entries(results).map(([name, { millis }]) => `${name} ${(millis / 1000).toFixed(1)} s`);
  console.log(`the programs ran for: ${seconds.join(', ')}`);
  // it hears of it wherever it was: in DQBUF, or in QBUF of a buffer that it had
  expect(results.films.stdout).toMatch(/^\d+ frames, then D?QBUF: errno 19$/m);
  expect(results.reads.stdout).toMatch(/No such device/);
  expect(results.waits.stdout).toMatch(/No such device/);
  const { guest } = rig as VmRig;
  const dead = await guest.run('for d in /dev/video*; do v4l2-ctl -d $d --get-fmt-video; done 2>&1');
  expect(dead.stdout.match(/^.*No such device$/gm)).toHaveLength(3);
  await guest.must('rmmod paravideo-media');
  // a driver that comes to dead devices takes none of them
  await guest.must('modprobe paravideo-media && ! ls /dev/video* && rmmod paravideo-media');
  expect(await kernelComplaints(guest, DEVICE_LOST)).toEqual([]);
  await guest.powerOff();
}, 3_600_000);
