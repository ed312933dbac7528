// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Programs of the tree of Debian's packages that scripts call by name. */
const TOOLS = ['v4l2-ctl', 'v4l2-compliance', 'media-ctl'];

/** Those of its busybox, which this machine need not have. */
const APPLETS = ['lsmod', 'rmmod'];

/** Makes a folder of programs: `node` is the one that runs this, and those of the tree run with the tree's own libraries. */
export function putTools(tree: string, folder: string): void {
  mkdirSync(folder);
  symlinkSync(process.execPath, join(folder, 'node'));
  for (const name of APPLETS) symlinkSync(join(tree, 'usr/bin/busybox'), join(folder, name));
  const start = `${tree}/lib64/ld-linux-x86-64.so.2 --library-path ${tree}/usr/lib/x86_64-linux-gnu`;
  for (const name of TOOLS) {
    writeFileSync(join(folder, name), `#!/bin/sh\nexec ${start} ${tree}/usr/bin/${name} "$@"\n`, { mode: 0o755 });
  }
}
