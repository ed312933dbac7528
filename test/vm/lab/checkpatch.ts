// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { command } from './command.ts';
import { aptIn, forgetDownloads } from './downloads.ts';
import { REPOSITORY } from './folders.ts';
import { LabError } from './lab-error.ts';
import { keyOf, Stamp } from './stamp.ts';

const PACKAGE = 'linux-source-6.1';
const FILES = ['checkpatch.pl', 'spelling.txt', 'const_structs.checkpatch'];

/** Said of every driver for several kernels: it looks at the version, whose name it takes for a constant on the wrong side. */
const IGNORED = ['LINUX_VERSION_CODE', 'CONSTANT_COMPARISON'];

/** Fetches the kernel's own style checker, out of Debian's package of its sources, unless it is in the cache. Returns its path. */
async function fetchCheckpatch(cache: string, progress: (step: string) => void): Promise<string> {
  const folder = join(cache, 'checkpatch');
  mkdirSync(join(cache, 'stamps'), { recursive: true });
  await new Stamp(join(cache, 'stamps', 'checkpatch'), keyOf(PACKAGE, ...FILES)).make(async () => {
    progress('fetching the package lists');
    const apt = await aptIn(cache, progress)({ architecture: 'amd64', suites: ['bookworm'] });
    progress(`downloading ${PACKAGE}`);
    const [source] = await apt.downloadOnly([PACKAGE]);
    if (source === undefined) throw new LabError(`apt-get downloaded nothing for ${PACKAGE}`);
    const partial = `${folder}.partial`;
    rmSync(partial, { recursive: true, force: true });
    mkdirSync(partial, { recursive: true });
    progress(`unpacking ${basename(source)}`);
    const inner = `./usr/src/${PACKAGE}.tar.xz`;
    const wanted = FILES.map((name) => `${PACKAGE}/scripts/${name}`).join(' ');
    const script = `set -o pipefail; dpkg-deb --fsys-tarfile "$1" | tar -xO ${inner} | tar -xJ -C "$2" --strip-components=2 ${wanted}`;
    await command('bash', ['-c', script, 'bash', source, partial], { what: `unpacking ${basename(source)}` });
    rmSync(folder, { recursive: true, force: true });
    renameSync(partial, folder);
    forgetDownloads(cache);
  });
  return join(folder, 'checkpatch.pl');
}

/** Checks the style of the guest driver as the kernel's maintainers do, strictly. Returns the complaints, one a line, none if it is clean. */
export async function checkDriverStyle(cache: string, progress: (step: string) => void): Promise<readonly string[]> {
  const checkpatch = await fetchCheckpatch(cache, progress);
  const cwd = join(REPOSITORY, 'guest/linux');
  const sources = readdirSync(cwd).filter((name) => /\.[ch]$|^Kbuild$/.test(name));
  const args = [
    '--no-tree',
    '--strict',
    '--terse',
    '--show-types',
    '--no-summary',
    '--ignore',
    IGNORED.join(','),
    '-f',
    ...sources,
  ];
  // it ends with 1 where it complains, and also where it cannot run
  const lines: string[] = [];
  try {
    await command('perl', [checkpatch, ...args], {
      what: 'checking the style of the driver',
      cwd,
      onLine: (line) => lines.push(line),
    });
    return [];
  } catch (error) {
    const complaints = lines.filter((line) => /^[^:]+:\d+: (ERROR|WARNING|CHECK):/.test(line));
    if (complaints.length === 0) throw error;
    return complaints;
  }
}
