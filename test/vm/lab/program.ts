// SPDX-License-Identifier: Apache-2.0
import { cpSync, mkdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { inTree } from './chroot.ts';
import type { Kernel } from './kernel.ts';

const COMPILE = 'set -- "$0" "$@"; exec "$(ls /usr/bin/gcc-[0-9]* | head -n 1)" "$@"';
const FLAGS = ['-O2', '-Wall', '-Wextra', '-Werror', '-nostdlib', '-static', '-ffreestanding', '-fno-stack-protector'];

/** Builds a C program that needs no library, for the architecture of the kernel, with the compiler of its tree. */
export async function buildProgram(kernel: Kernel, source: string, program: string): Promise<void> {
  const inside = '/usr/src/paravideo-programs';
  const folder = join(kernel.tree, inside);
  mkdirSync(folder, { recursive: true });
  const name = basename(source);
  cpSync(source, join(folder, name));
  const args = ['/bin/sh', '-c', COMPILE, ...FLAGS, '-o', `${inside}/${basename(program)}`, `${inside}/${name}`];
  await inTree(kernel.tree, `building ${name}`, args);
  cpSync(join(folder, basename(program)), program);
}
