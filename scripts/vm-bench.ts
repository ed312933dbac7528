// SPDX-License-Identifier: Apache-2.0
/**
 * Benchmarks in a guest, each number with a baseline from the same boot: commands, frames of the camera, decoding. Nothing is judged.
 *
 *   npm run bench:vm [-- --transport vfio-user [--without-shared-memory]] [--kernel 6.1] [--json]
 */
import { mkdirSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import { DaemonProcessError } from '../packages/host/src/daemon/index.ts';
import { VmBenchError } from '../test/vm/bench/bench-error.ts';
import { startBenchGuest } from '../test/vm/bench/bench-guest.ts';
import { benchCamera, type CameraMode, type VmCameraReport } from '../test/vm/bench/camera-bench.ts';
import { benchCommands } from '../test/vm/bench/command-bench.ts';
import { benchDecode, type DecodeReport } from '../test/vm/bench/decode-bench.ts';
import { type GuestReport, renderReport } from '../test/vm/bench/report.ts';
import { GuestError, type Transport } from '../test/vm/harness/index.ts';
import { cacheFolder, type Lab, LabError, REPOSITORY, setupLab } from '../test/vm/lab/index.ts';
import { oneOf, readFlags, VM_TRANSPORTS } from './vm-flags.ts';

const USAGE = 'npm run bench:vm [-- --transport vhost-user|vfio-user] [--without-shared-memory] [--kernel NAME] [--json]';
const { values } = readFlags(USAGE, {
  options: {
    transport: { type: 'string' },
    kernel: { type: 'string', default: '6.1' },
    'without-shared-memory': { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});

/** An everyday rate, then the highest that both cameras take, so that it is seen what limits them. */
const MODES: readonly CameraMode[] = [
  { width: 1280, height: 720, fps: 30 },
  { width: 640, height: 480, fps: 120 },
  { width: 1280, height: 720, fps: 120 },
  { width: 1920, height: 1080, fps: 120 },
  { width: 3840, height: 2160, fps: 60 },
];
const CLIPS = [
  { width: 640, height: 360 },
  { width: 1280, height: 720 },
];

const say = (what: string) => {
  if (!values.json) console.error(`… ${what}`);
};

async function main(): Promise<number> {
  const transports = values.transport === undefined ? VM_TRANSPORTS : [oneOf('transport', values.transport, VM_TRANSPORTS)];
  const lab = await setupLab({ cache: cacheFolder(), kernel: values.kernel, progress: (part, step) => say(`${part}: ${step}`) });
  const reports: GuestReport[] = [];
  for (const transport of transports) {
    const report = await benchGuest(lab, transport);
    reports.push(report);
    if (!values.json) console.log(`\n${renderReport(report)}\n`);
  }
  if (values.json) console.log(JSON.stringify(reports, null, 2));
  return 0;
}

async function benchGuest(lab: Lab, transport: Transport): Promise<GuestReport> {
  say(`booting Linux ${lab.kernel.release}, devices over ${transport}`);
  const load: number[] = [loadavg()[0] ?? Number.NaN];
  const shared = !values['without-shared-memory'];
  await using guest = await startBenchGuest(lab, transport, shared);
  const { rig, probe, empty, nodes } = guest;
  say('commands');
  const commands = await benchCommands({ probe, guest: rig.guest, empty }, nodes);
  const cameras: VmCameraReport[] = [];
  for (const mode of MODES) {
    say(`camera, ${mode.width}x${mode.height} at ${mode.fps} fps`);
    cameras.push(await benchCamera({ probe, guest: rig.guest, daemon: rig.daemon }, nodes, mode));
  }
  const out = join(REPOSITORY, 'out');
  mkdirSync(out, { recursive: true });
  const decoders: DecodeReport[] = [];
  for (const clip of CLIPS) {
    say(`decoding, ${clip.width}x${clip.height}`);
    decoders.push(await benchDecode(rig.guest, clip, out));
  }
  load.push(loadavg()[0] ?? Number.NaN);
  const machine = { processors: cpus().length, load };
  return {
    ...{ transport, shared, kernel: lab.kernel.release, acceleration: guest.acceleration, machine },
    ...{ bootMillis: rig.guest.bootMillis, commands, cameras, decoders },
  };
}

try {
  process.exitCode = await main();
} catch (error) {
  const known = [VmBenchError, LabError, GuestError, DaemonProcessError].some((kind) => error instanceof kind);
  if (!known) throw error;
  console.error((error as Error).message);
  process.exitCode = 1;
}
