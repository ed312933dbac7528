// SPDX-License-Identifier: Apache-2.0
/** A device that lies. Programs may fail as they like; the kernel has to bear it, and the driver to work again once it is loaded anew. */
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { REPOSITORY } from '../lab/index.ts';
import { kernelComplaints } from './kernel-log.ts';
import { FIXTURES, putProgram, startRig, TRANSPORTS, type VmRig } from './rig.ts';

const ROUNDS = process.env.PARAVIDEO_VM_SOAK === '1' ? 20 : 3;
const TIMEOUT = 600_000 + ROUNDS * 600_000;
const KERNEL_WORDS = ['slub_debug=FZPU', 'page_poison=1', 'init_on_free=1'];
/** The driver may say what it likes of a device that lies. */
const LIES = [/virtio\d+: /, /paravideo_media: probe of virtio\d+ failed with error -\d+/];
const MUTATOR = join(REPOSITORY, 'test/vm/hostile/mutate.ts');

/** What a round runs, with the camera and the decoder as $1 and $2; a number for each that failed, and "stuck" for one that hung. */
const ROUND = `
try() { timeout -s KILL 40 "$@" > /dev/null 2>&1 < /dev/null; status=$?; [ $status = 0 ] || echo $status; [ $status = 137 ] && echo "stuck: $*"; }
try v4l2-ctl -d $1 --all --list-formats-ext --list-ctrls-menus
try v4l2-ctl -d $2 --all --list-formats-ext --list-ctrls-menus
for how in mmap user; do try v4l2-ctl -d $1 --stream-$how --stream-count=20; done
try dd if=$1 of=/dev/null bs=1M count=2
try /mnt/torture streamoff $1 5
try ffmpeg -nostdin -v quiet -c:v h264_v4l2m2m -i /mnt/clip.h264 -f null -
try /mnt/torture decode $2 5 /mnt/clip.h264
try v4l2-compliance -d $1
try v4l2-compliance -d $2
true
`;

let rig: VmRig | undefined;
afterEach(async () => {
  await rig?.[Symbol.asyncDispose]();
  rig = undefined;
}, 60_000);

/** Starts a rig whose daemon will lie once it is told to. */
async function liar(transport: (typeof TRANSPORTS)[number], seed: number): Promise<VmRig> {
  const before = process.env.NODE_OPTIONS;
  // The mutator reaches into a module, so the daemon has to be made of modules.
  Object.assign(process.env, { NODE_OPTIONS: `--import ${MUTATOR}`, PARAVIDEO_MUTATE: String(seed), PARAVIDEO_MODULES: '1' });
  try {
    return await startRig(
      [
        { kind: 'camera', name: 'camera', size: '320x240' },
        { kind: 'decoder', name: 'decoder' },
      ],
      transport,
      { kernelWords: KERNEL_WORDS },
    );
  } finally {
    if (before === undefined) delete process.env.NODE_OPTIONS;
    else process.env.NODE_OPTIONS = before;
    delete process.env.PARAVIDEO_MUTATE;
    delete process.env.PARAVIDEO_MODULES;
  }
}

it.each(TRANSPORTS)(
  'the driver bears a device that lies, over %s',
  async (transport) => {
    const seed = Date.now() % 2 ** 31;
    console.log(`${transport}: seed ${seed}`);
    rig = await liar(transport, seed);
    const { guest, nodes, daemon } = rig;
    cpSync(join(FIXTURES, 'h264-b-frames.h264'), join(guest.share, 'clip.h264'));
    await putProgram(guest, 'torture');
    process.kill(daemon.pid, 'SIGUSR1');
    let failures = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const { stdout } = await guest.run(`set -- ${nodes.camera} ${nodes.decoder}\n${ROUND}`, 600_000);
      console.log(`${transport}: round ${round}: ${stdout.trim().replaceAll('\n', ' ')}`);
      failures += stdout.trim().split('\n').length;
      const complaints = await kernelComplaints(guest, LIES);
      if (complaints.length > 0) console.log(await guest.must('dmesg | tail -n 100'));
      expect(complaints).toEqual([]);
      await guest.must('rmmod paravideo-media && modprobe paravideo-media');
    }
    expect(daemon.running, 'the daemon is there to lie').toBe(true);
    expect(failures, 'the device lied').toBeGreaterThan(ROUNDS);
    expect(await kernelComplaints(guest, LIES)).toEqual([]);
  },
  TIMEOUT,
);
