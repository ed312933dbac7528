// SPDX-License-Identifier: Apache-2.0
import { randomUUID } from 'node:crypto';
import { cpSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { inTree } from './chroot.ts';
import type { Kernel } from './kernel.ts';

const COMPILE = 'set -- "$0" "$@"; exec "$(ls /usr/bin/gcc-[0-9]* | head -n 1)" "$@"';
const FLAGS = ['-O2', '-Wall', '-Wextra', '-Werror', '-nostdlib', '-static', '-ffreestanding', '-fno-stack-protector'];

/**
 * Builds a C program that needs no library, for the architecture of the kernel, with the compiler of its tree. It may include the
 * headers that lie beside it.
 */
export async function buildProgram(kernel: Kernel, source: string, program: string): Promise<void> {
  // one of its own, as suites that run at once may build the same program
  const inside = `/usr/src/paravideo-programs-${randomUUID()}`;
  const folder = join(kernel.tree, inside);
  mkdirSync(folder, { recursive: true });
  const name = basename(source);
  const headers = readdirSync(dirname(source)).filter((file) => file.endsWith('.h'));
  for (const file of [name, ...headers]) cpSync(join(dirname(source), file), join(folder, file));
  const args = ['/bin/sh', '-c', COMPILE, ...FLAGS, '-o', `${inside}/${basename(program)}`, `${inside}/${name}`];
  try {
    await inTree(kernel.tree, `building ${name}`, args);
    cpSync(join(folder, basename(program)), program);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
