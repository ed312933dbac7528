// SPDX-License-Identifier: Apache-2.0
/** A camera of the machine as a real Linux guest has it: in a kernel that has vivid, a daemon and QEMU. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UmlHost } from '../harness/index.ts';
import { expectCompliant } from './compliance.ts';
import { runInnerGuest } from './inner-guest.ts';
import { videoNodes } from './nodes.ts';

describe('a camera of the machine, in a machine of QEMU', () => {
  let host: UmlHost;
  let node: string;
  beforeAll(async () => {
    // without the button that unplugs it, which the tool spares only where it sees vivid itself
    host = await UmlHost.boot({
      modules: ['vivid n_devs=1 node_types=0x1 num_inputs=1 input_types=0x0 no_error_inj=1'],
      memoryMiB: 1536,
    });
    node = (await videoNodes(host, 'vivid-000-vid-cap'))['vivid-000-vid-cap'] ?? '';
  });
  afterAll(() => host?.[Symbol.asyncDispose]());

  it('is found right by the compliance tool', async () => {
    const {
      results,
      console: log,
      daemon,
    } = await runInnerGuest(host, {
      devices: [{ kind: 'camera', name: 'camera', source: 'desk', size: '320x180' }],
      sources: { desk: { device: node } },
      scripts: ['v4l2-compliance -P --color never -d $camera -s5 2>&1'],
    });
    expect(results).toHaveLength(1);
    for (const { stdout, stderr } of results)
      expectCompliant(stdout, 'camera of vivid in a machine of QEMU', `${stderr}${log}${daemon}`);
  });
});
