// SPDX-License-Identifier: Apache-2.0
import { join } from 'node:path';

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
