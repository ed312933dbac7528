// SPDX-License-Identifier: Apache-2.0
/**
 * A guest that sleeps. What it has of the host's files is lost then (the kernel's own 9p driver does not wake up), so the programs
 * of the test are copied into the guest's memory first, and speak over the console, which stays.
 */
import { afterEach, expect, it } from 'vitest';
import { complaintsIn, kernelComplaints } from './kernel-log.ts';
import { HEARD_OF_LOSS, putProgram, startRig, TRANSPORTS, type VmRig } from './rig.ts';

const TIMEOUT = 900_000;

/** 320x240 YUYV */
const FRAME_BYTES = 320 * 240 * 2;

/** From a deep enough sleep for each driver to be asked; the kernel's test mode wakes it up again, after a second. */
const SLEEP = [
  'echo 1 > /sys/module/suspend/parameters/pm_test_delay',
  'echo devices > /sys/power/pm_test',
  'echo freeze > /sys/power/state',
];

/** A root of its own in the guest's memory: v4l2-ctl with its libraries, a program that films and a shell that need none. */
const PACK = [
  'mkdir -p /tmp/box/dev /tmp/box/proc /tmp/box/sys && cd /tmp/box',
  'for it in dev proc sys; do mount --bind /$it /tmp/box/$it; done',
  'cp --parents /usr/bin/v4l2-ctl $(LD_TRACE_LOADED_OBJECTS=1 /lib64/ld-linux-x86-64.so.2 /usr/bin/v4l2-ctl | grep -o "/[^ ]*") .',
  'cp /usr/bin/busybox /mnt/film .',
  './busybox --install -s ./usr/bin',
].join(' && ');

function script(camera: string | undefined, decoder: string | undefined): string {
  return [
    'export PATH=/usr/bin',
    `/film until ${camera} > old.log 2>&1 & old=$!`,
    'until grep -q filming old.log || ! kill -0 $old; do sleep 0.1; done',
    ...SLEEP,
    'wait $old; cat old.log',
    'for round in 1 2; do',
    `v4l2-ctl -d ${camera} --set-fmt-video=width=320,height=240,pixelformat=YUYV`,
    `v4l2-ctl -d ${camera} --stream-mmap --stream-count=10 --stream-to=film > new.log 2>&1; echo "filming: $?, $(wc -c < film)"`,
    `v4l2-ctl -d ${decoder} --get-fmt-video > fmt.log 2>&1; echo "asking the decoder: $?"`,
    ...SLEEP,
    'done',
    'dmesg -r; echo "the end"',
    // an ordinary way out would wait for the host's files
    'echo o > /proc/sysrq-trigger',
  ].join('\n');
}

let rig: VmRig | undefined;
afterEach(async () => {
  await rig?.[Symbol.asyncDispose]();
  rig = undefined;
}, 60_000);

it.each(TRANSPORTS)(
  'a guest sleeps and wakes up: a program that filmed hears of it, and one that starts then can film, over %s',
  async (transport) => {
    rig = await startRig(
      [
        { kind: 'camera', name: 'camera', size: '320x240' },
        { kind: 'decoder', name: 'decoder' },
      ],
      transport,
    );
    const { guest, nodes } = rig;
    expect(await kernelComplaints(guest)).toEqual([]);
    await putProgram(guest, 'film');
    await guest.must(`${PACK} && cat > /tmp/box/script <<'END'\n${script(nodes.camera, nodes.decoder)}\nEND`);
    await guest.must('setsid chroot /tmp/box /busybox sh /script > /dev/ttyS0 2>&1 < /dev/null &');
    const deadline = performance.now() + TIMEOUT;
    while (!guest.console.includes('the end') && guest.running && performance.now() < deadline)
      await new Promise((resolve) => setTimeout(resolve, 500));
    const text = guest.console;
    expect(text).toContain('the end');
    console.log(`${transport}: ${/^.* frames, then .*$/m.exec(text)?.[0]}`);
    // it hears of it wherever it was: in DQBUF, or in QBUF of a buffer that it had
    expect(text).toMatch(HEARD_OF_LOSS);
    expect(text.match(/^filming: .*$/gm)).toEqual(Array(2).fill(`filming: 0, ${10 * FRAME_BYTES}`));
    expect(text.match(/^asking the decoder: .*$/gm)).toEqual(Array(2).fill('asking the decoder: 0'));
    expect(text.match(/PM: suspend exit$/gm)).toHaveLength(3);
    expect(complaintsIn(text)).toEqual([]);
  },
  2 * TIMEOUT,
);
