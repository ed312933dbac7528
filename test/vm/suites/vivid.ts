// SPDX-License-Identifier: Apache-2.0
/** The kernel's own test driver: a second V4L2 device in the guest, to share buffers with and to compare with. */
import { formatScript } from './clip.ts';
import type { VmRig } from './rig.ts';

/** A pair of nodes: what is shown by the output comes out of the capture, where the two are told so. */
export interface VividNodes {
  readonly capture: string;
  readonly output: string;
}

/** Loads vivid: one device with buffers of one plane, and one with several. Pictures carry no counters. */
export async function loadVivid({ guest }: VmRig): Promise<{ readonly single: VividNodes; readonly multi: VividNodes }> {
  const list = await guest.must(
    'modprobe vivid n_devs=2 node_types=0x101,0x101 multiplanar=1,2 && ' +
      'for d in /sys/class/video4linux/*; do echo "$(cat $d/name)=/dev/$(basename $d)"; done',
  );
  const nodes = Object.fromEntries(list.split('\n').map((line) => line.split('=') as [string, string]));
  const pair = (device: number): VividNodes => {
    const [capture, output] = ['cap', 'out'].map((kind) => nodes[`vivid-00${device}-vid-${kind}`]);
    if (!capture || !output) throw new Error(`vivid is not as expected: ${list}`);
    return { capture, output };
  };
  const [single, multi] = [pair(0), pair(1)];
  // HDMI: 60 frames a second, 1280x720 inside, of which four by four pixels are one of the clip's
  for (const { capture } of [single, multi]) await guest.must(`v4l2-ctl -d ${capture} -i 3 -c osd_text_mode=2`);
  return { single, multi };
}

/** A script that makes a vivid pair show on its capture what its output is given, pixel by pixel. */
export function loopScript({ capture, output }: VividNodes, fourcc: string): string {
  return [
    `v4l2-ctl -d ${output} -o 1`,
    `v4l2-ctl -d ${capture} -c loop_video=1`,
    formatScript(output, fourcc, true),
    formatScript(capture, fourcc),
  ].join(' && ');
}
