// SPDX-License-Identifier: Apache-2.0
import { existsSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { ReachableFiles } from '../../../sys/index.ts';

/** What a program of Node reads while it starts, wherever that is installed: libraries, and what the kernel says of itself. */
const SYSTEM = ['/usr', '/lib', '/lib64', '/proc/self', '/sys/devices/system/cpu'];
const SYSTEM_FILES = [
  '/etc/ssl/openssl.cnf',
  '/etc/ld.so.cache',
  '/etc/ld.so.preload',
  '/dev/null',
  '/dev/urandom',
  '/proc/meminfo',
  '/proc/cpuinfo',
];

/** All that a program of this package needs in order to start: code and libraries, and no file of a person. */
export function programFiles(script: string): Required<ReachableFiles> {
  const run = [...SYSTEM, process.execPath];
  const read = [...SYSTEM_FILES];
  let folder = dirname(realpathSync(script));
  // The package that it is a part of, then those that are looked for from there on upwards.
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder);
  run.push(...['bundle', 'dist', 'src'].map((name) => join(folder, name)));
  for (;;) {
    const modules = join(folder, 'node_modules');
    run.push(modules);
    read.push(join(folder, 'package.json'));
    // In a workspace our own packages are links to their folders.
    for (const name of ['core', 'host']) {
      const own = join(modules, '@paravideo', name);
      if (existsSync(own)) run.push(realpathSync(own));
    }
    const above = dirname(folder);
    if (above === folder) return { read, run };
    folder = above;
  }
}
