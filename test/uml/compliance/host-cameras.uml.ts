// SPDX-License-Identifier: Apache-2.0
/** Cameras of the machine as a real Linux guest has them: a kernel with vivid and vimc runs a daemon and QEMU. */
import { afterAll, beforeAll, describe, it } from 'vitest';
import { cacheFolder } from '../../vm/lab/index.ts';
import { UmlHost } from '../harness/index.ts';
import type { GuestTold } from '../inside/guest-job.ts';
import { setupUml } from '../lab/index.ts';
import { expectCompliant, judge } from '../suites/compliance.ts';
import { runInnerGuest } from '../suites/inner-guest.ts';
import { showLibcamera } from '../suites/libcamera-host.ts';
import { videoNodes } from '../suites/nodes.ts';

const SOURCES = ['webcam', 'planes', 'libcamera'] as const;

describe('a camera of the machine, in a machine of QEMU', () => {
  let host: UmlHost;
  let told: GuestTold;
  beforeAll(async () => {
    const lab = await setupUml({ cache: cacheFolder() });
    const webcams = 'n_devs=2 node_types=0x1,0x1 num_inputs=1,1 input_types=0x0,0x0 multiplanar=1,2';
    host = await UmlHost.boot({ modules: [`vivid ${webcams} no_error_inj=1`, 'vimc'], memoryMiB: 2048, lab });
    await showLibcamera(host, lab);
    const nodes = await videoNodes(host, 'vivid-001-vid-cap');
    told = await runInnerGuest(host, {
      devices: [
        { kind: 'camera', name: 'webcam', source: 'webcam', size: '320x240', fps: 10 },
        { kind: 'camera', name: 'planes', source: 'planes', size: '320x240', fps: 10, planes: 'multi' },
        // libcamera does not say what rates there are
        { kind: 'camera', name: 'libcamera', source: 'libcamera', size: '320x240' },
      ],
      sources: {
        webcam: { device: nodes['vivid-000-vid-cap'] ?? '' },
        planes: { device: nodes['vivid-001-vid-cap'] ?? '' },
        libcamera: { libcamera: 'Sensor B' },
      },
      scripts: SOURCES.map((name) => judge(`$${name}`, '-s5', 3)),
    });
  });
  afterAll(() => host?.[Symbol.asyncDispose]());

  it.each(SOURCES)('is found right by the compliance tool, streaming included: %s', (name) => {
    const { stdout = '', stderr = '' } = told.results[SOURCES.indexOf(name)] ?? {};
    expectCompliant(stdout, `${name} in a machine of QEMU`, `${stderr}${told.console}${told.daemon}`);
  });
});
