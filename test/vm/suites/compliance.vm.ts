// SPDX-License-Identifier: Apache-2.0
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { kernelComplaints, type Rig, startRig, TRANSPORTS } from './rig.ts';

/** The only warning that a loaded machine may cause: frames that came while the guest was not running are missed, as on hardware. */
const GAP = /got sequence number \d+, expected \d+/;
const TRIES = 3;

/** What v4l2-compliance said of a device. */
interface Verdict {
  readonly summary: string;
  readonly complaints: readonly string[];
}

describe.each(TRANSPORTS)('the compliance tool of the kernel, over %s', (transport) => {
  let rig: Rig;
  beforeAll(async () => {
    // slow enough that an emulated guest on a shared machine keeps up
    rig = await startRig(
      [
        { kind: 'camera', name: 'camera', size: '320x240', fps: 15 },
        { kind: 'camera', name: 'planes', size: '320x240', fps: 15, planes: 'multi' },
        // the tool takes a node for a stateful decoder only if it knows every codec of it, and none is a JPEG one
        { kind: 'decoder', name: 'decoder', codecs: ['h264', 'hevc', 'vp8', 'vp9', 'mpeg2'] },
      ],
      transport,
    );
  }, 600_000);
  afterAll(() => rig?.[Symbol.asyncDispose](), 60_000);

  const judge = async (name: string, flags: string): Promise<Verdict> => {
    const { stdout } = await rig.guest.run(`v4l2-compliance -P --color never -d ${rig.nodes[name]} ${flags} 2>&1`, 420_000);
    const complaints = stdout.split('\n').filter((line) => /^\s*(warn|fail)\b/i.test(line) || /: FAIL$/.test(line));
    return { summary: stdout.trim().split('\n').at(-1) ?? '', complaints };
  };

  const passes = async (name: string, flags: string) => {
    let verdict = await judge(name, flags);
    for (let tries = 1; tries < TRIES && verdict.complaints.some((line) => GAP.test(line)); tries++)
      verdict = await judge(name, flags);
    console.log(`${transport} ${name} ${flags}: ${verdict.summary}`);
    expect(verdict.complaints).toEqual([]);
    expect(verdict.summary).toMatch(/^Total for .*: (\d+), Succeeded: \1, Failed: 0, Warnings: 0$/);
  };

  it('finds nothing wrong with the camera, streaming included', () => passes('camera', '-s10'), 1_300_000);
  it('finds nothing wrong with the camera of several planes', () => passes('planes', '-s5'), 1_300_000);
  it('finds nothing wrong with any of the camera’s formats', () => passes('camera', '-f'), 1_300_000);
  it('finds nothing wrong with the camera filling buffers of another device', async () => {
    await rig.guest.must('modprobe vivid n_devs=1 node_types=0x1');
    const vivid = (await rig.guest.must('grep -l vivid /sys/class/video4linux/*/name')).split('/').at(-2);
    await passes('camera', `-s5 -e /dev/${vivid}`);
  }, 1_300_000);
  // without -s: what it would stream are not frames of a codec
  it('finds nothing wrong with the decoder', () => passes('decoder', ''), 1_300_000);
  it('leaves nothing in the kernel’s log', async () => expect(await kernelComplaints(rig.guest)).toEqual([]));
});
