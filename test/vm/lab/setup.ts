// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { lockCache } from './cache-lock.ts';
import { aptIn, forgetDownloads } from './downloads.ts';
import { buildDriver, driverSources } from './driver.ts';
import { INIT, makeInitramfs } from './initramfs.ts';
import { keepRoot, stampIn } from './kept.ts';
import { fetchKernel, type Kernel, openKernel } from './kernel.ts';
import { kernelChoice } from './kernels.ts';
import { type QemuProgram, qemuProgram, writeLauncher } from './qemu.ts';
import { QEMU_RECIPE, USERLANDS } from './roots.ts';

/** Everything a test guest is started from. */
export interface Lab {
  readonly qemu: QemuProgram;
  readonly kernel: Kernel;
  readonly initramfs: string;
  /** root file system of the guest, shared with it read-only */
  readonly root: string;
}

/** What to set up, and where. */
export interface SetupOptions {
  readonly cache: string;
  /** a name of `KERNELS`; "6.1" unless told */
  readonly kernel?: string;
  /** programs of the guest: those of the kernel's architecture unless told */
  readonly userland?: keyof typeof USERLANDS;
  /** hears what is being done: the part, and the step */
  readonly progress?: (part: string, step: string) => void;
}

/**
 * Fetches and builds what a test guest needs, unless it is in the cache already: then nothing is done and no network is needed. Can be
 * interrupted at any time and continues where it was. Throws `LabError`.
 */
export async function setupLab(options: SetupOptions): Promise<Lab> {
  const { cache, progress = () => {} } = options;
  const choice = kernelChoice(options.kernel ?? '6.1');
  const userland = USERLANDS[options.userland ?? choice.architecture];
  mkdirSync(join(cache, 'stamps'), { recursive: true });
  // Two that set up one cache would delete what the other fetches or builds.
  using _alone = await lockCache(cache, () => progress('cache', 'waiting for another process that sets it up'));

  const open = aptIn(cache, (step) => progress('tools', step));
  const qemu = qemuProgram(await keepRoot(QEMU_RECIPE, cache, open, progress));
  writeLauncher(qemu, join(cache, 'bin/qemu-system-x86_64'));
  const tree = join(cache, `kernel-${choice.name}`);
  await stampIn(cache, `kernel-${choice.name}`, JSON.stringify(choice)).make(async () => {
    progress(`kernel ${choice.name}`, 'fetching the package lists');
    rmSync(tree, { recursive: true, force: true });
    await fetchKernel(choice, tree, await open(choice), (step) => progress(`kernel ${choice.name}`, step));
  });
  const kernel = openKernel(choice, tree);
  const guest = await keepRoot(userland, cache, open, progress);
  const driver = driverSources();
  await stampIn(cache, `driver-${choice.name}`, kernel.release, ...driver).make(() =>
    buildDriver(kernel, (step) => progress('driver', step)),
  );
  const initramfs = join(cache, `initramfs-${choice.name}-${userland.architecture}.cpio.gz`);
  await stampIn(cache, `initramfs-${choice.name}-${userland.architecture}`, kernel.release, readFileSync(INIT, 'utf8')).make(
    () => {
      progress('initramfs', 'packing');
      return makeInitramfs(kernel, join(guest, 'usr/bin/busybox'), initramfs);
    },
  );
  forgetDownloads(cache);
  return { qemu, kernel, initramfs, root: guest };
}
