// SPDX-License-Identifier: Apache-2.0
import { cpSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { Apt } from '../../vm/lab/apt.ts';
import { inTree } from '../../vm/lab/chroot.ts';
import { command } from '../../vm/lab/command.ts';
import { BUILD_TOOLS } from '../../vm/lab/kernel.ts';
import { LabError } from '../../vm/lab/lab-error.ts';
import type { RootRecipe } from '../../vm/lab/roots.ts';
import { notTaken } from './kernel-config.ts';

export const CONFIG = new URL('kernel.config', import.meta.url);

/** The architecture, as every `make` of this kernel and of its modules is told. */
export const UML_MAKE = 'ARCH=um';

/**
 * The compiler and what else the kernel's build calls. Of bookworm, whose C library is older than that of any machine which is to run
 * the kernel: it is a program of the machine.
 */
export const COMPILER_RECIPE: RootRecipe = {
  name: 'tree',
  architecture: 'amd64',
  suites: ['bookworm'],
  packages: [...BUILD_TOOLS, 'bc', 'bison', 'diffutils', 'flex', 'gcc', 'libc6-dev', 'perl-base'],
};

/** Where the newest kernel's sources come from; the package names the one that is there now. */
export const SOURCE_SUITE = 'sid';
const SOURCE_PACKAGE = 'linux-source';

/** Half of the sources, never compiled here. What configures them stays, since all of that is read. */
export const LEFT_OUT: readonly string[] = [
  ...['gpu/drm', 'infiniband', 'media/dvb-frontends', 'net/*', 'scsi', 'staging'].map((folder) => `*/drivers/${folder}/*.[ch]`),
  '*/arch/[!Kux]*/*.[chS]',
  '*/sound/*.[ch]',
  '*/tools/testing/*',
  '*/Documentation/*/*',
];

/** A User-mode Linux kernel and the tree that it was built in. */
export interface UmlKernel {
  /** the tree with compiler, headers and modules */
  readonly tree: string;
  /** as `uname -r` says it */
  readonly release: string;
  /** the kernel, a program */
  readonly linux: string;
}

const SOURCES = '/usr/src';
const PARTIAL = `${SOURCES}/linux.partial`;
const RELEASE_FILE = 'include/config/kernel.release';

/** Fetches the newest kernel's sources into the tree of a compiler and builds kernel and modules there. Returns the release. */
export async function buildKernel(tree: string, apt: Apt, progress: (step: string) => void): Promise<string> {
  const name = (await apt.dependencies(SOURCE_PACKAGE)).find((dependency) => /^linux-source-\d/.test(dependency));
  if (name === undefined) throw new LabError(`${SOURCE_PACKAGE} of ${SOURCE_SUITE} names no sources`);
  progress(`downloading ${name}`);
  const [file] = await apt.downloadOnly([name]);
  if (file === undefined) throw new LabError(`apt-get downloaded nothing for ${name}`);
  progress(`unpacking ${name}`);
  const folder = join(tree, PARTIAL);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  await unpackSources(file, `./usr/src/${name}.tar.xz`, folder);

  const make = (what: string, args: readonly string[], onLine?: (line: string) => void) =>
    inTree(tree, what, ['make', '-C', PARTIAL, UML_MAKE, ...BUILDER, ...args], onLine);
  progress('configuring the kernel');
  cpSync(CONFIG, join(folder, 'paravideo.config'));
  await make('configuring the kernel', ['KCONFIG_ALLCONFIG=paravideo.config', 'allnoconfig']);
  const missing = notTaken(readFileSync(CONFIG, 'utf8'), readFileSync(join(folder, '.config'), 'utf8'));
  if (missing.length > 0) throw new LabError(`${name} does not take ${missing.join(', ')}: see test/uml/lab/kernel.config`);
  progress('building the kernel');
  let files = 0;
  await make('building the kernel', [`-j${availableParallelism()}`, 'all'], (line) => {
    if (/^ {2}CC /.test(line) && ++files % 200 === 0) progress(`building the kernel: ${files} files are compiled`);
  });
  progress('installing the modules');
  rmSync(join(tree, 'usr/lib/modules'), { recursive: true, force: true });
  mkdirSync(join(tree, 'usr/lib/modules'));
  await make('installing the modules', ['INSTALL_MOD_STRIP=1', 'modules_install']);
  await inTree(tree, 'removing what only the build needed', ['find', PARTIAL, ...ONLY_FOR_THE_BUILD, '-delete']);
  const release = readFileSync(join(folder, RELEASE_FILE), 'utf8').trim();
  const headers = headersOf(tree, release);
  rmSync(headers, { recursive: true, force: true });
  renameSync(folder, headers);
  return release;
}

/** The kernel of that release that `buildKernel` left in a tree. */
export function openKernel(tree: string, release: string): UmlKernel {
  return { tree, release, linux: join(headersOf(tree, release), 'linux') };
}

/** The name that Debian's headers have, so that modules are built for this kernel as for Debian's. */
const headersOf = (tree: string, release: string) => join(tree, SOURCES, `linux-headers-${release}`);

/** What the kernel says of who built it: nothing of this machine. */
const BUILDER = ['KBUILD_BUILD_USER=paravideo', 'KBUILD_BUILD_HOST=paravideo'];

/** Arguments of `find`; the scripts are called when modules are built. */
const ONLY_FOR_THE_BUILD = [
  ...['-type', 'f', '-not', '-path', '*/scripts/*', '-not', '-path', '*/tools/*'],
  ...['(', '-name', '*.[acoS]', '-o', '-name', '*.ko', '-o', '-name', '.*.cmd', ')'],
];

async function unpackSources(file: string, inner: string, folder: string): Promise<void> {
  const excludes = LEFT_OUT.map((pattern) => `'--exclude=${pattern}'`).join(' ');
  const tar = `tar -xJ -C "$3" --strip-components=1 --wildcards ${excludes}`;
  const script = `set -o pipefail; dpkg-deb --fsys-tarfile "$1" | tar -xO "$2" | ${tar}`;
  await command('bash', ['-c', script, 'bash', file, inner, folder], { what: 'unpacking the sources of the kernel' });
}
