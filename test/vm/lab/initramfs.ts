// SPDX-License-Identifier: Apache-2.0
import { readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { inTree } from './chroot.ts';
import { type CpioEntry, cpioArchive } from './cpio.ts';
import type { Kernel } from './kernel.ts';

const DIRECTORY = 0o040755;
const PROGRAM = 0o100755;
const FILE = 0o100644;

/** What reaches the guest's root and the harness; the rest is loaded from there. */
const BOOT_MODULES = ['virtio_pci', '9pnet_virtio', '9p', 'virtio_console'];

/** The first program of a test guest. */
export const INIT = new URL('../guest/init.sh', import.meta.url);

/** Writes the initramfs of a kernel: busybox, the modules that reach the root file system, and `init.sh`. */
export async function makeInitramfs(kernel: Kernel, busybox: string, path: string): Promise<void> {
  const modules = await moduleClosure(kernel, BOOT_MODULES);
  const folders = ['bin', 'dev', 'proc', 'sys', 'tmp', 'root', 'modules'].map((name) => ({ path: name, mode: DIRECTORY }));
  const entries: CpioEntry[] = [
    ...folders,
    { path: 'bin/busybox', mode: PROGRAM, bytes: readFileSync(busybox) },
    { path: 'init', mode: PROGRAM, bytes: readFileSync(INIT) },
    { path: 'modules/order', mode: FILE, bytes: Buffer.from(modules.map((module) => `${module.name}\n`).join('')) },
    ...modules.map(({ name, bytes }) => ({ path: `modules/${name}`, mode: FILE, bytes })),
  ];
  writeFileSync(path, gzipSync(cpioArchive(entries), { level: 1 }));
}

interface Module {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** Modules in the order in which they can be loaded; what the kernel has built in is left out. Plain, as busybox wants them. */
async function moduleClosure(kernel: Kernel, names: readonly string[]): Promise<readonly Module[]> {
  const found = new Map<string, Module>();
  for (const name of names) {
    const plan = await inTree(kernel.tree, `looking up the module ${name}`, [
      'modprobe',
      '--ignore-install',
      '--show-depends',
      '--set-version',
      kernel.release,
      name,
    ]);
    for (const [, path] of plan.matchAll(/^insmod (\S+)/gm)) {
      if (path === undefined || found.has(path)) continue;
      found.set(path, { name: basename(path).replace(/\.xz$/, ''), bytes: await moduleBytes(kernel, path) });
    }
  }
  return [...found.values()];
}

async function moduleBytes(kernel: Kernel, path: string): Promise<Uint8Array> {
  if (!path.endsWith('.xz')) return readFileSync(join(kernel.tree, path));
  await inTree(kernel.tree, `decompressing ${path}`, ['xz', '--decompress', '--keep', '--force', path]);
  return readFileSync(join(kernel.tree, path.slice(0, -'.xz'.length)));
}
