// SPDX-License-Identifier: Apache-2.0
import { cpSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Apt } from '../../vm/lab/apt.ts';
import { inTree } from '../../vm/lab/chroot.ts';
import { LabError } from '../../vm/lab/lab-error.ts';
import { unpackPackage } from '../../vm/lab/tree.ts';
import { UML_MAKE, type UmlKernel } from './kernel.ts';

export const LOOPBACK_PACKAGE = 'v4l2loopback-dkms';

/** Builds v4l2loopback, whose devices show what programs write to them, and installs it among the kernel's modules. */
export async function buildLoopback(kernel: UmlKernel, apt: Apt, progress: (step: string) => void): Promise<void> {
  const { tree, release } = kernel;
  const sources = join(tree, 'usr/src');
  const found = () => readdirSync(sources).filter((name) => name.startsWith('v4l2loopback-'));
  for (const old of found()) rmSync(join(sources, old), { recursive: true, force: true });
  progress(`downloading ${LOOPBACK_PACKAGE}`);
  for (const file of await apt.downloadOnly([LOOPBACK_PACKAGE])) await unpackPackage(tree, file);
  const [name] = found();
  if (name === undefined) throw new LabError(`${LOOPBACK_PACKAGE} has no sources of v4l2loopback`);
  progress(`building ${name}`);
  const inside = `/usr/src/${name}`;
  await inTree(tree, `building ${name}`, ['make', '-C', `/usr/src/linux-headers-${release}`, UML_MAKE, `M=${inside}`, 'modules']);
  const updates = join(tree, 'usr/lib/modules', release, 'updates');
  mkdirSync(updates, { recursive: true });
  cpSync(join(sources, name, 'v4l2loopback.ko'), join(updates, 'v4l2loopback.ko'));
  await inTree(tree, 'listing the modules of the kernel', ['depmod', release]);
}
