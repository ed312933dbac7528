// SPDX-License-Identifier: Apache-2.0
/** A guest to measure in: a camera and a decoder of the daemon's, and what they are compared with. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Log } from '../../../packages/host/src/log/index.ts';
import { deviceArguments, type Transport } from '../harness/index.ts';
import type { Lab } from '../lab/index.ts';
import { loadDriver, startRig, type VmRig } from '../suites/rig.ts';
import { VmBenchError } from './bench-error.ts';

import { type EmptySocket, serveEmpty, VIRTIO_ID_RNG } from './empty-device.ts';

import { Probe } from './probe.ts';

/** See the top of the file. */
export interface BenchGuest extends AsyncDisposable {
  readonly rig: VmRig;
  readonly probe: Probe;
  readonly empty: EmptySocket;
  /** `/dev/videoN` */
  readonly nodes: { readonly camera: string; readonly decoder: string; readonly vivid: string };
  /** what runs the guest's processor, as the guest's kernel sees it */
  readonly acceleration: string;
}

const quiet = () => {};
const LOG: Log = { debug: quiet, info: quiet, warn: (_, text) => console.error(text), error: (_, text) => console.error(text) };

/** Boots it. `shared`: whether devices on vfio-user have shared memory. */
export async function startBenchGuest(lab: Lab, transport: Transport, shared: boolean): Promise<BenchGuest> {
  await using parts = new AsyncDisposableStack();
  const folder = mkdtempSync(join(tmpdir(), 'paravideo-bench-'));
  parts.defer(() => rmSync(folder, { recursive: true, force: true }));
  const socket = join(folder, 'empty.sock');
  const empty = parts.use(serveEmpty(transport, socket, LOG));
  const rig = parts.use(
    await startRig(
      [
        { kind: 'camera', name: 'camera', sizes: 'ranges' },
        { kind: 'decoder', name: 'decoder' },
      ],
      transport,
      { lab, shared, more: [...insideArguments(), ...emptyArguments(transport, socket)] },
    ),
  );
  await rig.guest.must('modprobe virtio-rng && modprobe vivid n_devs=1 node_types=0x1');
  const all = await loadDriver(rig.guest, [{ name: 'camera' }, { name: 'decoder' }, { name: 'vivid-000-vid-cap' }]);
  const [camera, decoder, vivid] = [all.camera, all.decoder, all['vivid-000-vid-cap']];
  if (camera === undefined || decoder === undefined || vivid === undefined) {
    throw new VmBenchError(`the guest has only ${Object.keys(all).join(', ')}`);
  }
  const probe = await Probe.install(lab, rig.guest);
  const seen = /Hypervisor detected: (.*)/.exec(await rig.guest.must('dmesg'))?.[1];
  const acceleration = seen ?? 'none: QEMU emulates the processor (TCG)';
  const held = parts.move();
  return {
    ...{ rig, probe, empty, acceleration, nodes: { camera, decoder, vivid } },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

/** A source of random numbers inside QEMU; plugged in before the empty device, so that the guest finds it first. */
function insideArguments(): readonly string[] {
  return ['-object', 'rng-builtin,id=rng', '-device', 'virtio-rng-pci,rng=rng'];
}

function emptyArguments(transport: Transport, socket: string): readonly string[] {
  if (transport === 'vfio-user') return deviceArguments([{ transport, socket }]);
  const device = `vhost-user-test-device-pci,chardev=empty,virtio-id=${VIRTIO_ID_RNG},num_vqs=1,vq_size=256`;
  return ['-chardev', `socket,id=empty,path=${socket}`, '-device', device];
}
