// SPDX-License-Identifier: Apache-2.0
/**
 * The showpiece: boots a Debian guest, films the camera with v4l2-ctl, decodes streams with ffmpeg on the decoder device, compares every
 * picture with the host's own decode, writes contact sheets to `out/` and prints one table. Exit code 0 if all are equal.
 *
 *   npm run demo:vm [-- --transport vfio-user] [--kernel 6.1]
 */
import { mkdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { renderTable } from '../packages/host/src/cli/table.ts';
import { DaemonProcessError } from '../packages/host/src/daemon/index.ts';
import { filmCamera } from '../test/vm/demo/camera-part.ts';
import { type DemoStream, decodeInGuest } from '../test/vm/demo/decode-part.ts';
import type { DemoLine } from '../test/vm/demo/part.ts';
import { GuestError } from '../test/vm/harness/index.ts';
import { cacheFolder, LabError, REPOSITORY, setupLab } from '../test/vm/lab/index.ts';
import { kernelComplaints } from '../test/vm/suites/kernel-log.ts';
import { hostPictures } from '../test/vm/suites/reference.ts';
import { FIXTURES, startRig } from '../test/vm/suites/rig.ts';
import { oneOf, readFlags, VM_TRANSPORTS } from './vm-flags.ts';

const { values } = readFlags('npm run demo:vm [-- --transport vhost-user|vfio-user] [--kernel NAME]', {
  options: { transport: { type: 'string', default: 'vhost-user' }, kernel: { type: 'string', default: '6.1' } },
});
const transport = oneOf('transport', values.transport, VM_TRANSPORTS);

const STREAMS: readonly DemoStream[] = [
  { path: join(FIXTURES, 'h264-b-frames.h264'), codec: 'h264', width: 320, height: 180 },
  { path: join(FIXTURES, 'hevc-b-frames.h265'), codec: 'hevc', width: 176, height: 144 },
];

async function main(): Promise<number> {
  const started = performance.now();
  const say = (text: string) => console.log(`${((performance.now() - started) / 1000).toFixed(1).padStart(6)} s  ${text}`);
  const out = join(REPOSITORY, 'out');
  mkdirSync(out, { recursive: true });
  const lab = await setupLab({ cache: cacheFolder(), kernel: values.kernel, progress: (part, step) => say(`${part}: ${step}`) });
  const [clip] = STREAMS;
  if (clip === undefined) return 1;
  say(`booting Linux ${lab.kernel.release} in an emulated machine, with a camera and a decoder over ${transport}`);
  await using rig = await startRig(
    [
      { kind: 'camera', name: 'camera', source: 'clip', size: `${clip.width}x${clip.height}`, fps: 15 },
      { kind: 'decoder', name: 'decoder' },
    ],
    transport,
    { lab, sources: { clip: { file: clip.path } } },
  );
  const nodes = Object.entries(rig.nodes).map(([name, node]) => `the ${name} as ${node}`);
  say(`the guest is up after ${(rig.guest.bootMillis / 1000).toFixed(1)} s and has ${nodes.join(', ')}`);
  say(`filming the camera, which shows ${basename(clip.path)} in a loop`);
  const lines: DemoLine[] = [await filmCamera(rig, clip, await hostPictures(clip.path, 'yuv420p'), out)];
  for (const stream of STREAMS) {
    say(`decoding ${basename(stream.path)}`);
    lines.push(await decodeInGuest(rig, stream, out));
  }
  const complaints = await kernelComplaints(rig.guest);
  const rows = lines.map(({ what, frames, equal, millis, picture, verdict }) => [
    ...[what, String(frames), String(equal), `${(millis / 1000).toFixed(1)} s`, verdict, picture],
  ]);
  const head = ['in the guest', 'pictures', "MD5 equal to the host's", 'time', 'verdict', 'look at'];
  console.log(`\n${renderTable(head, rows)}\n`);
  for (const line of complaints) console.log(`the guest's kernel says: ${line}`);
  const good = complaints.length === 0 && lines.every((line) => line.verdict === 'equal');
  say(good ? 'every picture is, bit by bit, the one that the host decodes by itself' : 'NOT all is as it should be');
  return good ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof LabError) && !(error instanceof GuestError) && !(error instanceof DaemonProcessError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
