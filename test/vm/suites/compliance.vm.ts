// SPDX-License-Identifier: Apache-2.0
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DeviceInput } from '../../../packages/host/src/daemon/index.ts';
import { kernelComplaints } from './kernel-log.ts';
import { startRig, TRANSPORTS, type VmRig } from './rig.ts';
import { expectCompliance } from './verdict.ts';

const TIMEOUT = 3_700_000;
const WALK_TIMEOUT = process.env.PARAVIDEO_VM_FORMATS === 'all' ? 5_400_000 : 1_200_000;

// slow enough that an emulated guest on a shared machine keeps up
const CAMERAS: readonly DeviceInput[] = [
  { kind: 'camera', name: 'camera', size: '320x240', fps: 15 },
  { kind: 'camera', name: 'planes', size: '320x240', fps: 15, planes: 'multi' },
];

const RANGES: DeviceInput = { kind: 'camera', name: 'ranges', size: '320x240', fps: 15, sizes: 'ranges' };

describe.each(TRANSPORTS)('the compliance tool of the kernel, over %s', (transport) => {
  let rig: VmRig;
  beforeAll(async () => {
    // the tool takes a node for a stateful decoder only if it knows every codec of it, and none is a JPEG one
    rig = await startRig(
      [...CAMERAS, RANGES, { kind: 'decoder', name: 'decoder', codecs: ['h264', 'hevc', 'vp8', 'vp9', 'mpeg2'] }],
      transport,
    );
  }, 600_000);
  afterAll(() => rig?.[Symbol.asyncDispose](), 60_000);

  const passes = (device: string, flags: string) => expectCompliance(rig, device, flags, transport);

  it('finds nothing wrong with the camera, streaming included', () => passes('camera', '-s10'), TIMEOUT);
  it('finds nothing wrong with the camera of several planes', () => passes('planes', '-s10'), TIMEOUT);
  it('finds nothing wrong with the camera whose sizes are ranges', () => passes('ranges', '-s5'), TIMEOUT);
  it(
    'finds nothing wrong with the camera filling buffers of another device',
    async () => {
      await rig.guest.must('modprobe vivid n_devs=1 node_types=0x1');
      const vivid = (await rig.guest.must('grep -l vivid /sys/class/video4linux/*/name')).split('/').at(-2);
      await passes('camera', `-s5 -e /dev/${vivid}`);
    },
    TIMEOUT,
  );
  // without -s: what it would stream are not frames of a codec
  it('finds nothing wrong with the decoder', () => passes('decoder', ''), TIMEOUT);
  it('leaves nothing in the kernel’s log', async () => expect(await kernelComplaints(rig.guest)).toEqual([]));
});

/** Every format, size and rate of each camera over each transport, a second each: `npm run compliance:vm`, an hour or more. */
const ALL = process.env.PARAVIDEO_VM_FORMATS === 'all';

/** Otherwise every format of each kind of camera once, with two sizes and two rates, two frames each. */
const WALKS = ALL
  ? TRANSPORTS.flatMap((transport) => CAMERAS.map((camera) => ({ transport, camera, name: camera.name, flags: '-f' })))
  : CAMERAS.map((camera, i) => ({
      transport: TRANSPORTS[i % TRANSPORTS.length] ?? 'vhost-user',
      camera: { ...camera, sizes: ['320x240', '640x360'], rates: [15, 30] } as DeviceInput,
      name: camera.name,
      flags: '-f2',
    }));

// all at once: the tool spends nearly all of the time waiting
describe('the compliance tool of the kernel with any format', () => {
  const rigs = new Map<string, VmRig>();
  const rigOver = (transport: string): VmRig => {
    const rig = rigs.get(transport);
    if (rig === undefined) throw new Error(`no guest has devices over ${transport}`);
    return rig;
  };
  const transports = [...new Set(WALKS.map(({ transport }) => transport))];
  beforeAll(async () => {
    for (const transport of transports) {
      const cameras = WALKS.filter((walk) => walk.transport === transport).map(({ camera }) => camera);
      rigs.set(transport, await startRig(cameras, transport));
    }
  }, 600_000);
  afterAll(async () => {
    for (const rig of rigs.values()) await rig[Symbol.asyncDispose]();
  }, 120_000);

  it.concurrent.each(WALKS)(
    'finds nothing wrong with the $name over $transport ($flags)',
    ({ transport, name, flags }) => expectCompliance(rigOver(transport), name, flags, transport, WALK_TIMEOUT),
    3 * WALK_TIMEOUT + 60_000,
  );

  it.each(transports)('leaves nothing in the kernel’s log, over %s', async (transport) =>
    expect(await kernelComplaints(rigOver(transport).guest)).toEqual([]),
  );
});
