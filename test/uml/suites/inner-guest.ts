// SPDX-License-Identifier: Apache-2.0
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder, REPOSITORY, setupLab } from '../../vm/lab/index.ts';
import type { UmlHost } from '../harness/index.ts';
import type { GuestJob, GuestTold } from '../inside/guest-job.ts';

/** Emulation inside an emulated kernel takes its time: a boot, and a script of some length. */
const TIMEOUT = 2_400_000;
const SCRIPT_TIMEOUT = 400_000;

/**
 * Runs scripts in a machine that QEMU emulates inside User-mode Linux, with devices of a daemon that runs there as well: so they can be
 * made of what only that kernel has. It needs some 512 MiB of the kernel's memory beside the machine's own.
 */
export async function runInnerGuest(host: UmlHost, job: Omit<GuestJob, 'lab'>): Promise<GuestTold> {
  // What the machine is made of is set up out here, where the cache can be written.
  const lab = await setupLab({ cache: cacheFolder() });
  const whole: GuestJob = { timeout: SCRIPT_TIMEOUT, ...job, lab };
  writeFileSync(join(host.share, 'guest-job.json'), JSON.stringify(whole));
  const told = await host.must(`node ${join(REPOSITORY, 'test/uml/inside/guest.ts')} /mnt/guest-job.json`, TIMEOUT);
  return JSON.parse(told) as GuestTold;
}
