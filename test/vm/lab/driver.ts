// SPDX-License-Identifier: Apache-2.0
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { inTree } from './chroot.ts';
import { REPOSITORY } from './folders.ts';
import type { Kernel } from './kernel.ts';
import { LabError } from './lab-error.ts';

/** `PARAVIDEO_VM_DRIVER` names another version of the driver, to compare with. */
const SOURCES = process.env.PARAVIDEO_VM_DRIVER ?? join(REPOSITORY, 'guest/linux');
export const DRIVER_MODULE = 'paravideo-media';

/** The virtio id that test guests use over vhost-user: the generic device of QEMU 11.1 refuses the real one, 48. */
export const TEST_VIRTIO_ID = 45;

/** Names and contents of the driver's sources, for the key of its stamp. */
export function driverSources(): readonly string[] {
  const names = readdirSync(SOURCES).filter((name) => /\.[ch]$|^Kbuild$/.test(name));
  return names.sort().flatMap((name) => [name, readFileSync(join(SOURCES, name), 'utf8')]);
}

/** Bytes of stack that a function may use: what 32-bit kernels allow, asked of every kernel. */
const MAX_FRAME = 1024;

/**
 * Builds the guest driver, which takes the real virtio id and the test id, in the kernel's tree, and installs it among its modules;
 * `settings` are further ones for `make`. Throws `LabError` if the kernel's strictest build for outsiders (`W=1`) has any warning.
 */
export async function buildDriver(
  kernel: Pick<Kernel, 'tree' | 'release'>,
  progress: (text: string) => void,
  settings: readonly string[] = [],
): Promise<void> {
  progress(`building the driver for ${kernel.release}`);
  const inside = '/usr/src/paravideo-media';
  const folder = join(kernel.tree, inside);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const name of readdirSync(SOURCES)) {
    if (/\.[ch]$|^Kbuild$/.test(name)) cpSync(join(SOURCES, name), join(folder, name));
  }
  const make = ['make', '-C', `/usr/src/linux-headers-${kernel.release}`, `M=${inside}`, ...settings];
  const strict = ['W=1', `KCFLAGS=-Wframe-larger-than=${MAX_FRAME}`];
  const complaints: string[] = [];
  await inTree(
    kernel.tree,
    `building the driver for ${kernel.release}`,
    // BTF needs the kernel's own image with its debug data, and the check of comments needs Perl or Python: neither is here
    [...make, ...strict, `VMEDIA_TEST_ID=${TEST_VIRTIO_ID}`, 'CONFIG_DEBUG_INFO_BTF_MODULES=', 'cmd_checkdoc=true', 'modules'],
    (line) => {
      if (/\b(warning|WARNING):/.test(line)) complaints.push(line);
    },
  );
  if (complaints.length > 0) {
    throw new LabError(`the driver gives warnings with ${kernel.release}:\n  ${complaints.join('\n  ')}`);
  }
  const updates = join(kernel.tree, 'usr/lib/modules', kernel.release, 'updates');
  mkdirSync(updates, { recursive: true });
  cpSync(join(folder, `${DRIVER_MODULE}.ko`), join(updates, `${DRIVER_MODULE}.ko`));
  await inTree(kernel.tree, 'listing the modules of the kernel', ['depmod', kernel.release]);
}
