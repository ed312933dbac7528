// SPDX-License-Identifier: Apache-2.0
/** Devices that are handed through, as the compliance tool sees them in a Linux guest and on the host: the same, but for what does not travel. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UmlHost } from '../harness/index.ts';
import { judge, type Verdict, verdictOf } from '../suites/compliance.ts';
import { runInnerGuest } from '../suites/inner-guest.ts';
import { videoNodes } from '../suites/nodes.ts';

const TIMEOUT = 600_000;

/** What does not travel, and is not there in a guest. */
const LEFT_OUT: readonly RegExp[] = [
  /MC information/,
  /VIDIOC_DBG_G\/S_REGISTER$/,
  /VIDIOC_LOG_STATUS$/,
  /VIDIOC_G\/S_EDID$/,
  /VIDIOC_G_FBUF$/,
  /Requests$/,
];

/** The tool warns of time codes, which vivid has where it plays television, but not where it sees vivid itself. */
const OF_VIVID = /V4L2_BUF_FLAG_TIMECODE was used/;

const STREAMS = '-s5';

/** The device's name in the guest, the node's on the host, and the flags of the tool. */
const NODES: readonly (readonly [name: string, node: string, flags: string])[] = [
  ['capture', 'vivid-000-vid-cap', ''],
  ['output', 'vivid-000-vid-out', ''],
  ['metadata', 'vivid-000-meta-cap', ''],
  ['metaout', 'vivid-000-meta-out', ''],
  ['encoder', 'stateful-encoder', ''],
  ['decoder', 'stateful-decoder', ''],
  ['television', 'vivid-001-vid-cap', STREAMS],
  ['player', 'vivid-001-vid-out', STREAMS],
];

describe.each([
  { planes: 'one plane', multiplanar: 1 },
  { planes: 'several planes', multiplanar: 2 },
])('devices of $planes that are handed through', ({ multiplanar }) => {
  let host: UmlHost;
  const bare = new Map<string, Verdict>();
  const guest = new Map<string, Verdict>();

  beforeAll(async () => {
    // A webcam, television, S-Video and HDMI, S-Video and HDMI out, and metadata of both; and television and S-Video out, which are
    // slow enough for an emulated machine. Without the button that unplugs, which the tool spares only where it sees vivid itself.
    const first = 'node_types=0x60101,0x101 num_inputs=4,1 input_types=0xe4,0x1 num_outputs=2,1 output_types=0x2,0x0';
    const vivid = `vivid n_devs=2 ${first} multiplanar=${multiplanar},${multiplanar} no_error_inj=1`;
    host = await UmlHost.boot({ modules: [vivid, `vicodec multiplanar=${multiplanar - 1}`], memoryMiB: 3072 });
    const nodes = await videoNodes(host, 'stateful-decoder');
    for (const [name, node, flags] of NODES) {
      bare.set(name, verdictOf((await host.run(judge(nodes[node], flags, 3), TIMEOUT)).stdout));
    }
    const { results, daemon } = await runInnerGuest(host, {
      devices: NODES.map(([name, node]) => ({ kind: 'proxy', name, device: nodes[node] ?? '' })),
      memoryMiB: 384,
      scripts: NODES.map(([name, , flags]) => judge(`$${name}`, flags, flags === '' ? 1 : 3)),
    });
    for (const [i, [name]] of NODES.entries()) guest.set(name, verdictOf(results[i]?.stdout ?? daemon));
  });
  afterAll(() => host?.[Symbol.asyncDispose]());

  it.each(NODES)('has the faults of the bare node and no others: %s (%s %s)', (name) => {
    const [own, through] = [bare.get(name), guest.get(name)];
    console.log(`${name}, bare:     ${own?.summary}\n${name}, in guest: ${through?.summary}`);
    expect(own?.summary).toMatch(/^Total for/);
    expect(through?.summary).toMatch(/^Total for/);
    const others = through?.complaints.filter((line) => !own?.complaints.includes(line) && !OF_VIVID.test(line));
    expect(others).toEqual([]);
  });

  it.each(NODES)('can do what the bare node can, but for what does not travel: %s', (name) => {
    const through = guest.get(name)?.tests;
    const less = [...(bare.get(name)?.tests ?? [])].filter(([test, result]) => {
      const missing = through?.get(test) === undefined || through.get(test) === 'OK (Not Supported)';
      return result === 'OK' && missing && !LEFT_OUT.some((pattern) => pattern.test(test));
    });
    expect(through?.size).toBeGreaterThan(30);
    expect(less).toEqual([]);
  });
});
