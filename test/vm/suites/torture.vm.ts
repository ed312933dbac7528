// SPDX-License-Identifier: Apache-2.0
import { cpSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DaemonProcess, type DeviceInput } from '../../../packages/host/src/daemon/index.ts';
import { eventually } from './eventually.ts';
import { daemonHoldings, guestMemory } from './holdings.ts';
import { DEVICE_LOST, kernelComplaints } from './kernel-log.ts';
import { FIXTURES, HEARD_OF_LOSS, loadDriver, putProgram, startRig, TRANSPORTS, type VmRig } from './rig.ts';

const FILM = '--stream-mmap=4 --stream-count=10 --stream-to=/dev/null';
const LONG = 3_600_000;

/** How often; `npm run soak:vm` is the long way. */
const COUNTS =
  process.env.PARAVIDEO_VM_SOAK === '1'
    ? {
        opens: 5000,
        kills: 200,
        decoderKills: 50,
        pairs: 50,
        forks: 300,
        streamoffs: 1000,
        decodes: 200,
        reloads: 50,
        reboots: 3,
        deaths: 5,
      }
    : {
        opens: 1000,
        kills: 30,
        decoderKills: 10,
        pairs: 5,
        forks: 50,
        streamoffs: 200,
        decodes: 30,
        reloads: 5,
        reboots: 1,
        deaths: 2,
      };

/** Kernel memory is checked, poisoned and cleared as thoroughly as Debian's kernel can. */
const KERNEL_WORDS = ['slub_debug=FZPU', 'page_poison=1', 'init_on_free=1'];

/** KiB that the guest may have less after all that, and the daemon more: what caches and collectors do. */
const GUEST_SLACK = 4096;
const DAEMON_SLACK = 49_152;

/** Seconds until a program that films hears that the daemon is dead, at most: 5 of silence and 10 for an answer, in a guest on a busy machine. */
const DEATH_NOTICED = 400;

const DEVICES: readonly DeviceInput[] = [
  { kind: 'camera', name: 'camera', size: '320x240' },
  { kind: 'decoder', name: 'decoder' },
];

describe.each(TRANSPORTS)('a guest that gives its driver no rest, over %s', (transport) => {
  let rig: VmRig;
  let memory = 0;
  let daemon: ReturnType<typeof daemonHoldings>;

  beforeAll(async () => {
    rig = await startRig(DEVICES, transport, { reboot: true, pluggable: true, kernelWords: KERNEL_WORDS });
    cpSync(join(FIXTURES, 'h264-b-frames.h264'), join(rig.guest.share, 'clip.h264'));
    for (const program of ['torture', 'film']) await putProgram(rig.guest, program);
    // what is loaded and cached once is not counted
    for (let i = 0; i < 5; i++) await films();
    await rig.guest.must(decoding());
    await twoAtOnce();
    memory = await guestMemory(rig.guest);
    daemon = daemonHoldings(rig.daemon.pid);
  }, 600_000);
  afterAll(() => rig?.[Symbol.asyncDispose](), 60_000);

  const films = () => rig.guest.must(`v4l2-ctl -d ${rig.nodes.camera} ${FILM}`);
  const decoding = () => 'ffmpeg -nostdin -v error -c:v h264_v4l2m2m -i /mnt/clip.h264 -f null -';
  const torture = (what: string, device: string, rounds: number, file = '') =>
    rig.guest.must(`/mnt/torture ${what} ${rig.nodes[device]} ${rounds} ${file}`, LONG);
  const twoAtOnce = () =>
    rig.guest.must(
      `${decoding()} & one=$!; ${decoding()} & other=$!; v4l2-ctl -d ${rig.nodes.camera} ${FILM} & film=$!; ` +
        `v4l2-ctl -d ${rig.nodes.camera} ${FILM} && wait $one && wait $other && wait $film`,
    );

  it(
    `opens and closes ${COUNTS.opens} times`,
    async () => {
      await rig.guest.must(`i=0; while [ $i -lt ${COUNTS.opens} ]; do : < ${rig.nodes.decoder}; i=$((i+1)); done`, LONG);
      await films();
    },
    LONG,
  );

  it(
    `kills a streaming program ${COUNTS.kills} times`,
    async () => {
      await rig.guest.must(
        `i=0; while [ $i -lt ${COUNTS.kills} ]; do v4l2-ctl -d ${rig.nodes.camera} --stream-mmap=4 > /dev/null 2>&1 & p=$!; ` +
          'sleep 0.$((i % 9 + 1)); kill -9 $p; wait $p; i=$((i+1)); done; true',
        LONG,
      );
      await films();
    },
    LONG,
  );

  it(
    `kills a decoding program ${COUNTS.decoderKills} times`,
    async () => {
      await rig.guest.must(
        `i=0; while [ $i -lt ${COUNTS.decoderKills} ]; do ffmpeg -nostdin -v quiet -stream_loop -1 -c:v h264_v4l2m2m -i /mnt/clip.h264 ` +
          '-f null - & p=$!; sleep 1.$((i % 10)); kill -9 $p; wait $p; i=$((i+1)); done; true',
        LONG,
      );
      await films();
    },
    LONG,
  );

  it(
    `has two programs film and two decode at once, ${COUNTS.pairs} times`,
    async () => {
      for (let i = 0; i < COUNTS.pairs; i++) await twoAtOnce();
    },
    LONG,
  );

  it(`forks with mapped buffers ${COUNTS.forks} times`, () => torture('fork', 'camera', COUNTS.forks), LONG);

  it(`stops a camera at any moment ${COUNTS.streamoffs} times`, () => torture('streamoff', 'camera', COUNTS.streamoffs), LONG);

  it(
    `stops a decoder’s queues at any moment ${COUNTS.decodes} times`,
    async () => {
      await torture('decode', 'decoder', COUNTS.decodes, '/mnt/clip.h264');
      await rig.guest.must(decoding());
    },
    LONG,
  );

  it(
    `unloads and reloads the module ${COUNTS.reloads} times`,
    async () => {
      for (let i = 0; i < COUNTS.reloads; i++) {
        await rig.guest.must('rmmod paravideo-media');
        Object.assign(rig.nodes, await loadDriver(rig.guest, DEVICES));
      }
      await films();
    },
    LONG,
  );

  it('has lost no memory', async () => {
    let after = 0;
    // what is freed in the background may take a moment
    await eventually(async () => {
      after = await guestMemory(rig.guest);
      return memory - after < GUEST_SLACK;
    });
    console.log(`${transport}: the guest had ${memory} KiB, and has ${after} KiB`);
    expect(memory - after).toBeLessThan(GUEST_SLACK);
  }, 300_000);

  it('has cost the daemon nothing that stays', async () => {
    let after = daemonHoldings(rig.daemon.pid);
    // a codec process lives on for a moment
    await eventually(() => {
      after = daemonHoldings(rig.daemon.pid);
      return after.processes <= daemon.processes && after.descriptors <= daemon.descriptors && after.memfds <= daemon.memfds;
    });
    console.log(`${transport}: the daemon had ${JSON.stringify(daemon)}, and has ${JSON.stringify(after)}`);
    expect(after.descriptors).toBeLessThanOrEqual(daemon.descriptors);
    expect(after.memfds).toBeLessThanOrEqual(daemon.memfds);
    expect(after.processes).toBeLessThanOrEqual(daemon.processes);
    expect(after.privateKiB - daemon.privateKiB).toBeLessThan(DAEMON_SLACK);
  });

  it('leaves nothing in the kernel’s log', async () => expect(await kernelComplaints(rig.guest)).toEqual([]));

  it(
    `reboots ${COUNTS.reboots} times`,
    async () => {
      for (let i = 0; i < COUNTS.reboots; i++) {
        await rig.guest.reboot();
        Object.assign(rig.nodes, await loadDriver(rig.guest, DEVICES));
        await films();
        expect(await kernelComplaints(rig.guest)).toEqual([]);
      }
    },
    LONG,
  );

  it.runIf(transport === 'vhost-user')(
    `survives ${COUNTS.deaths} deaths of the daemon: a program that films ends by itself, and a new daemon is plugged in`,
    async () => {
      let victim: DaemonProcess = rig.daemon;
      for (let i = 0; i < COUNTS.deaths; i++) {
        const said = join(rig.guest.share, `death-${i}.log`);
        const filming = rig.guest.run(
          `exec timeout ${DEATH_NOTICED} /mnt/film until ${rig.nodes.camera} > /mnt/death-${i}.log 2>&1`,
        );
        expect(await eventually(() => existsSync(said) && readFileSync(said, 'latin1').includes('filming'))).toBe(true);
        process.kill(victim.pid, 'SIGKILL');
        const died = performance.now();
        await filming;
        console.log(`${transport}: the program heard of the death after ${((performance.now() - died) / 1000).toFixed(1)} s`);
        expect(readFileSync(said, 'latin1')).toMatch(HEARD_OF_LOSS);
        if (victim !== rig.daemon) await victim[Symbol.asyncDispose]();
        const card = (device: DeviceInput) => ({ ...device, card: device.name, transport }) as DeviceInput;
        victim = await DaemonProcess.start(DEVICES.map(card));
        for (const [place, { name }] of DEVICES.entries()) {
          await rig.guest.unplug(place);
          await rig.guest.plug(place, { transport, socket: victim.socket(name) });
        }
        Object.assign(rig.nodes, await loadDriver(rig.guest, DEVICES));
        await films();
        expect(await kernelComplaints(rig.guest, DEVICE_LOST)).toEqual([]);
      }
      await victim[Symbol.asyncDispose]();
    },
    LONG,
  );
});
