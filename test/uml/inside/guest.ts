// SPDX-License-Identifier: Apache-2.0
/**
 * For User-mode Linux with devices of its own: `node guest.ts JOB` reads a `GuestJob` from a file, starts a daemon with its devices and
 * boots a machine with them, runs its scripts there, and tells their results in a line of JSON.
 */
import { readFileSync } from 'node:fs';
import { startRig } from '../../vm/suites/rig.ts';
import type { GuestJob } from './guest-job.ts';

const job = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as GuestJob;
const { lab, devices, sources = {}, memoryMiB = 256, timeout, scripts } = job;
await using rig = await startRig(devices, 'vhost-user', { lab, sources, memoryMiB });
// Each device is a variable of the scripts, `$NAME`, which is its node.
const nodes = Object.entries(rig.nodes).map(([name, node]) => `${name}=${node}`);
const results = [];
for (const script of scripts) results.push(await rig.guest.run([...nodes, script].join('\n'), timeout));
const { bootMillis, console: log } = rig.guest;
console.log(JSON.stringify({ results, bootMillis, console: log, daemon: rig.daemon.log }));
