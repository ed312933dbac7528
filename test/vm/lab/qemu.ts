// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { shellLine } from '../../../packages/host/src/cli/vmm/index.ts';

/** QEMU of an unpacked tree: it runs on this machine with its own libraries, whatever the machine's are. */
export interface QemuProgram {
  readonly program: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** How to start the QEMU that was unpacked in `tree`. */
export function qemuProgram(tree: string): QemuProgram {
  const libraries = join(tree, 'usr/lib/x86_64-linux-gnu');
  return {
    program: join(tree, 'lib64/ld-linux-x86-64.so.2'),
    args: [
      ...['--library-path', libraries],
      join(tree, 'usr/bin/qemu-system-x86_64'),
      ...['-L', join(tree, 'usr/share/qemu'), '-L', join(tree, 'usr/share/seabios')],
    ],
    env: { QEMU_MODULE_DIR: join(libraries, 'qemu') },
  };
}

/** Writes a script that starts it as if it were installed, for use by hand and for `paravideo qemu --qemu`. */
export function writeLauncher({ program, args, env }: QemuProgram, path: string): void {
  mkdirSync(dirname(path), { recursive: true });
  const exports = Object.entries(env).map(([name, value]) => `export ${shellLine([`${name}=${value}`])}\n`);
  const staged = `${path}.new`;
  writeFileSync(staged, `#!/bin/sh\n${exports.join('')}exec ${shellLine([program, ...args])} "$@"\n`, { mode: 0o755 });
  renameSync(staged, path);
}
