// SPDX-License-Identifier: Apache-2.0
import { existsSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Apt } from './apt.ts';
import { inTree } from './chroot.ts';
import type { KernelChoice } from './kernels.ts';
import { LabError } from './lab-error.ts';
import { unpackPackage, unpackTree } from './tree.ts';

/** A kernel with its modules and the tools that build more of them, unpacked in one tree. */
export interface Kernel {
  readonly choice: KernelChoice;
  /** the tree: compiler, headers and modules */
  readonly tree: string;
  /** as `uname -r` says it */
  readonly release: string;
  /** what QEMU boots */
  readonly image: string;
}

/** What building modules takes besides what the headers ask for. */
export const BUILD_TOOLS = [
  'base-files',
  'bash',
  'coreutils',
  'dash',
  'findutils',
  'grep',
  'kmod',
  'libc-bin',
  'make',
  'mawk',
  'sed',
  'xz-utils',
];

/** Downloads and unpacks a kernel, its headers and the compiler that Debian built it with. */
export async function fetchKernel(choice: KernelChoice, tree: string, apt: Apt, progress: (text: string) => void): Promise<void> {
  const image = (await apt.dependencies(choice.image)).find((name) => /^linux-image-\d/.test(name));
  if (image === undefined) throw new LabError(`${choice.image} of ${choice.suites[0]} names no kernel`);
  // newer kernels come in several packages: the image proper, its modules
  const parts = (await apt.dependencies(image)).filter((name) => /^linux-(binary|modules)-\d/.test(name));
  progress(`downloading ${image}, its headers and compiler`);
  const imageFiles = await apt.downloadOnly([image, ...parts]);
  const tools = await apt.download([choice.headers, ...BUILD_TOOLS]);
  const staged = `${tree}.new`;
  await unpackTree(staged, tools, progress);
  for (const file of imageFiles) await unpackPackage(staged, file);
  linkAwk(staged);
  await inTree(staged, 'listing the modules of the kernel', ['depmod', releaseOf(staged)]);
  renameSync(staged, tree);
}

/** The name under which builds ask for awk, which a script of the package would make. */
export function linkAwk(tree: string): void {
  if (existsSync(join(tree, 'usr/bin/awk'))) return;
  writeFileSync(join(tree, 'usr/bin/awk'), '#!/bin/sh\nexec mawk "$@"\n', { mode: 0o755 });
}

/** The kernel that `fetchKernel` left in a tree. Throws `LabError` if there is none. */
export function openKernel(choice: KernelChoice, tree: string): Kernel {
  const release = releaseOf(tree);
  // newer packages put it beside the modules
  const images = [join(tree, 'boot', `vmlinuz-${release}`), join(tree, 'usr/lib/modules', release, 'vmlinuz')];
  const image = images.find((path) => existsSync(path));
  if (image === undefined) throw new LabError(`there is no kernel in ${tree}: remove it and run npm run vm:setup`);
  return { choice, tree, release, image };
}

function releaseOf(tree: string): string {
  const release = readdirSync(join(tree, 'usr/lib/modules')).find((name) => /^\d/.test(name));
  if (release === undefined) throw new LabError(`there are no modules in ${tree}: remove it and run npm run vm:setup`);
  return release;
}
