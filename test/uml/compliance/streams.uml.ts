// SPDX-License-Identifier: Apache-2.0
/** What v4l2-ctl gets of devices that are handed through, in a Linux guest and at the bare node: the same, byte for byte. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UmlHost } from '../harness/index.ts';
import { runInnerGuest } from '../suites/inner-guest.ts';
import { videoNodes } from '../suites/nodes.ts';

const DEVICES = { camera: 'vivid-000-vid-cap', encoder: 'stateful-encoder', decoder: 'stateful-decoder' } as const;

// The smallest that vicodec takes; a smaller one would become this.
const SIZE = 'width=640,height=360';
const YUV = `${SIZE},pixelformat=YU12`;
const FWHT = `${SIZE},pixelformat=FWHT`;
const BOTH = '--stream-mmap --stream-out-mmap';

/** What is done, each by a script that says the MD5 of what came of it. */
const STORIES = {
  'frames of a picture that stands still': `
    v4l2-ctl -d $camera -i 0 -c osd_text_mode=2,horizontal_movement=3,test_pattern=0 --set-fmt-video=${YUV} \\
      --stream-mmap --stream-skip=2 --stream-count=1 --stream-to=/run/still >&2 && md5sum < /run/still`,
  'a moving picture, encoded to FWHT': `
    for i in 1 2 3 4 5; do
      v4l2-ctl -d $camera -i 0 -c osd_text_mode=2,horizontal_movement=3,test_pattern=$i --set-fmt-video=${YUV} \\
        --stream-mmap --stream-skip=2 --stream-count=1 --stream-to=/run/$i >&2 || exit 1
    done
    cat /run/1 /run/2 /run/3 /run/4 /run/5 > /run/clip
    v4l2-ctl -d $encoder --set-fmt-video-out=${YUV} --set-fmt-video=${FWHT} ${BOTH} \\
      --stream-from=/run/clip --stream-to-hdr=/run/coded >&2 && md5sum < /run/clip && md5sum < /run/coded && stat -c %s /run/coded`,
  'FWHT, decoded': `
    v4l2-ctl -d $decoder --set-fmt-video-out=${FWHT} ${BOTH} \\
      --stream-from-hdr=/run/coded --stream-to=/run/decoded >&2 && md5sum < /run/decoded && stat -c %s /run/decoded`,
  'the timings of an HDMI input': `
    for i in 0 3 8; do
      v4l2-ctl -d $camera -i 1 --set-dv-bt-timings=index=$i >&2 && v4l2-ctl -d $camera --get-dv-timings | sed '/flags/d' || exit 1
    done`,
} as const;

type Story = keyof typeof STORIES;
const NAMES = Object.keys(STORIES) as Story[];

describe('a device that is handed through', () => {
  let host: UmlHost;
  const bare = new Map<Story, string>();
  const guest = new Map<Story, string>();

  beforeAll(async () => {
    // A webcam and HDMI.
    const vivid = 'vivid n_devs=1 node_types=0x1 num_inputs=2 input_types=0xc multiplanar=1 no_error_inj=1';
    host = await UmlHost.boot({ modules: [vivid, 'vicodec'], memoryMiB: 1536 });
    const nodes = await videoNodes(host, DEVICES.decoder);
    const devices = Object.entries(DEVICES).map(([name, node]) => ({ name, device: nodes[node] ?? '' }));
    const known = devices.map(({ name, device }) => `${name}=${device}`).join('\n');
    for (const name of NAMES) bare.set(name, await host.must(`${known}\n${STORIES[name]}`, 300_000));
    const { results } = await runInnerGuest(host, {
      devices: devices.map((device) => ({ kind: 'proxy', ...device })),
      scripts: NAMES.map((name) => STORIES[name]),
    });
    for (const [i, name] of NAMES.entries()) {
      const result = results[i];
      guest.set(name, result?.status === 0 ? result.stdout : `failed: ${result?.stdout}${result?.stderr}`);
    }
  });
  afterAll(() => host?.[Symbol.asyncDispose]());

  it.each(NAMES)('gives a guest what the bare node gives: %s', (name) => {
    console.log(`${name}: ${guest.get(name)?.trim().replaceAll('\n', ' | ').slice(0, 100)}`);
    expect(bare.get(name)).toMatch(/\w/);
    expect(guest.get(name)).toBe(bare.get(name));
  });
});
