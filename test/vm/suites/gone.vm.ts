// SPDX-License-Identifier: Apache-2.0
/**
 * A device that is taken away while it has memory of the guest: whatever it was given, it must not write to once the guest has it back.
 * The guest's kernel poisons what is free, and looks for the poison when it hands it out again.
 */
import { cpSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { DeviceInput } from '../../../packages/host/src/daemon/index.ts';
import type { Transport } from '../harness/index.ts';
import { eventually } from './eventually.ts';
import { kernelComplaints } from './kernel-log.ts';
import { frameMd5s, hostPictures } from './reference.ts';
import { FIXTURES, loadDriver, putProgram, startRig, TRANSPORTS, type VmRig } from './rig.ts';

/** How often each; `npm run soak:vm` is the long way. */
const ROUNDS = process.env.PARAVIDEO_VM_SOAK === '1' ? 20 : 3;
const LONG = 600_000 + ROUNDS * 600_000;

/** How many buffers a program can have queued, and how many frames of another camera are awaited after it is gone: time for all of them. */
const HELD = 32;
const FRAMES = 2 * HELD;

const DEVICES: readonly DeviceInput[] = [
  { kind: 'camera', name: 'camera', size: '320x240', fps: 30 },
  { kind: 'camera', name: 'neighbour', size: '320x240', fps: 30 },
  { kind: 'decoder', name: 'decoder' },
];
const CLIP = 'h264-b-frames.h264';

const KERNEL_WORDS = ['slub_debug=FZPU', 'page_poison=1', 'init_on_free=1'];

/** What is left to the kernel, in KiB, when all free memory is asked for. */
const LEFT = 65_536;

/** Allocates what is free. */
const LOOK_AT_FREE_MEMORY =
  'sync; echo 3 > /proc/sys/vm/drop_caches; ' +
  'while read -r what size _; do [ "$what" = MemFree: ] && free=$size; done < /proc/meminfo; ' +
  `/mnt/memory $((free - ${LEFT}))`;

let rig: VmRig;
afterEach(() => rig?.[Symbol.asyncDispose](), 60_000);

async function start(transport: Transport): Promise<void> {
  rig = await startRig(DEVICES, transport, { reboot: true, pluggable: true, kernelWords: KERNEL_WORDS });
  for (const program of ['film', 'memory']) await putProgram(rig.guest, program);
}

/** Has a program hold all buffers that there are; returns what ends it. */
async function hold(): Promise<() => Promise<void>> {
  const said = join(rig.guest.share, 'hold.log');
  writeFileSync(said, '');
  const holding = rig.guest.run(`echo $$ > /tmp/hold; exec /mnt/film hold ${rig.nodes.camera} > /mnt/hold.log 2>&1`, LONG);
  holding.catch(() => {});
  await eventually(() => readFileSync(said, 'latin1').includes('\n'));
  expect(readFileSync(said, 'latin1')).toBe(`holding ${HELD}\n`);
  return async () => {
    await rig.guest.must('kill -9 $(cat /tmp/hold)');
    await holding;
  };
}

const film = (device: string, frames: number) =>
  rig.guest.must(`v4l2-ctl -d ${rig.nodes[device]} --stream-mmap --stream-count=${frames} --stream-to=/dev/null`);

/** Fails unless the camera works, and nothing was written to what is free. */
async function expectUnharmed(): Promise<void> {
  Object.assign(rig.nodes, await loadDriver(rig.guest, DEVICES));
  await film('camera', 10);
  expect(Number(await rig.guest.must(LOOK_AT_FREE_MEMORY))).toBeGreaterThan(100_000);
  expect(await kernelComplaints(rig.guest)).toEqual([]);
}

describe.each(TRANSPORTS)('a camera that is taken away, over %s', (transport) => {
  it(
    `leaves the guest’s memory alone when its driver is unbound, ${ROUNDS} times`,
    async () => {
      await start(transport);
      for (let i = 0; i < ROUNDS; i++) {
        const end = await hold();
        const driver = '/sys/bus/virtio/drivers/paravideo_media';
        await rig.guest.must(
          `basename $(readlink -f /sys/class/video4linux/$(basename ${rig.nodes.camera})/device) > /tmp/device && ` +
            `cat /tmp/device > ${driver}/unbind`,
        );
        await end();
        await film('neighbour', FRAMES);
        await rig.guest.must(`cat /tmp/device > ${driver}/bind`);
        await expectUnharmed();
      }
    },
    LONG,
  );

  // QEMU 11.1.3 itself aborts when a vfio-user device is unplugged
  it.runIf(transport === 'vhost-user')(
    `leaves the guest’s memory alone when it is unplugged, ${ROUNDS} times`,
    async () => {
      await start(transport);
      for (let i = 0; i < ROUNDS; i++) {
        const end = await hold();
        await rig.guest.unplug(0);
        await end();
        await film('neighbour', FRAMES);
        await rig.guest.plug(0, { transport, socket: rig.daemon.socket('camera') });
        await expectUnharmed();
      }
    },
    LONG,
  );

  it(
    `leaves the guest’s memory alone when it reboots, ${ROUNDS} times`,
    async () => {
      await start(transport);
      for (let i = 0; i < ROUNDS; i++) {
        await hold();
        await rig.guest.reboot(i % 2 === 0 ? 'inside' : 'reset');
        await expectUnharmed();
      }
    },
    LONG,
  );
});

describe.each(TRANSPORTS)('a machine that is stopped, over %s', (transport) => {
  it(
    `goes on where it was, ${ROUNDS} times: frames come, and pictures are the same`,
    async () => {
      await start(transport);
      cpSync(join(FIXTURES, CLIP), join(rig.guest.share, CLIP));
      const read = (name: string) => {
        const path = join(rig.guest.share, name);
        return existsSync(path) ? readFileSync(path, 'latin1') : '';
      };
      const frames = () => read('film.log').split('<').length - 1;
      const pictures = () => frameMd5s(read('pictures.log'));
      const filming = rig.guest.run(
        `echo $$ > /tmp/film; exec v4l2-ctl -d ${rig.nodes.camera} --stream-mmap > /mnt/film.log 2>&1`,
        LONG,
      );
      const decoding = rig.guest.run(
        `until [ -f /mnt/enough ]; do ffmpeg -nostdin -v error -c:v h264_v4l2m2m -i /mnt/${CLIP} -fps_mode passthrough ` +
          '-pix_fmt yuv420p -f framemd5 - >> /mnt/pictures.log || exit 1; done',
        LONG,
      );
      for (let i = 0; i < ROUNDS; i++) {
        const before = { frames: frames(), pictures: pictures().length };
        expect(await eventually(() => frames() >= before.frames + 3 && pictures().length > before.pictures)).toBe(true);
        await rig.guest.stop();
        // as long as a few frames take, so that some fall into the pause
        await new Promise((resolve) => setTimeout(resolve, 50 * (i % 8)));
        await rig.guest.resume();
      }
      const last = frames();
      expect(await eventually(() => frames() >= last + 10)).toBe(true);
      writeFileSync(join(rig.guest.share, 'enough'), '');
      expect((await decoding).status).toBe(0);
      await rig.guest.must('kill $(cat /tmp/film)');
      await filming;
      expect(read('film.log')).not.toMatch(/failed|error/);
      const want = await hostPictures(join(FIXTURES, CLIP), 'yuv420p');
      const passes = Math.ceil(pictures().length / want.length);
      expect(pictures()).toEqual(Array.from({ length: passes }, () => want).flat());
      expect(await kernelComplaints(rig.guest)).toEqual([]);
    },
    LONG,
  );
});
