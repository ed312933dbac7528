// SPDX-License-Identifier: Apache-2.0
import { existsSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { command } from './command.ts';

/** Names at the top of a root that newer Debian keeps below /usr; made first, as older packages still name them. */
const MERGED = ['bin', 'sbin', 'lib', 'lib32', 'lib64'];

/** Of no use to a guest without people in it. */
const LEFT_OUT = ['doc', 'man', 'info', 'locale', 'lintian', 'icons', 'help'].map((name) => `./usr/share/${name}`);

/**
 * Unpacks packages into a new folder that looks like a root file system. Their scripts are not run (that would need rights and time),
 * so what those would make is made here: the merged /usr, the linker's cache, users. The folder appears when it is complete.
 */
export async function unpackTree(folder: string, packages: readonly string[], progress: (text: string) => void): Promise<void> {
  const partial = `${folder}.partial`;
  rmSync(partial, { recursive: true, force: true });
  for (const name of MERGED) {
    mkdirSync(join(partial, 'usr', name), { recursive: true });
    symlinkSync(`usr/${name}`, join(partial, name));
  }
  for (const name of ['etc', 'dev', 'proc', 'sys', 'tmp', 'mnt', 'root', 'run', 'usr/lib/modules']) {
    mkdirSync(join(partial, name), { recursive: true });
  }
  for (const [index, path] of packages.entries()) {
    if (index % 100 === 0) progress(`unpacking ${index + 1} of ${packages.length}`);
    await unpackPackage(partial, path);
  }
  if (!existsSync(join(partial, 'usr/bin/sh'))) symlinkSync('dash', join(partial, 'usr/bin/sh'));
  writeFileSync(join(partial, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\n');
  writeFileSync(join(partial, 'etc/group'), 'root:x:0:\nvideo:x:44:\n');
  await linkerCache(partial);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(dirname(folder), { recursive: true });
  renameSync(partial, folder);
}

/** Unpacks one package over what is in the folder. */
export async function unpackPackage(folder: string, path: string): Promise<void> {
  const excludes = LEFT_OUT.map((name) => `--exclude=${name}/*`).join(' ');
  const tar = `tar -x -C "$2" --keep-directory-symlink ${excludes}`;
  await command('bash', ['-c', `set -o pipefail; dpkg-deb --fsys-tarfile "$1" | ${tar}`, 'bash', path, folder], {
    what: `unpacking ${basename(path)}`,
  });
}

/** Libraries of which Debian has several are links that scripts make; their folders are searched instead. */
async function linkerCache(folder: string): Promise<void> {
  const triplets = ['x86_64-linux-gnu', 'i386-linux-gnu'].filter((name) => existsSync(join(folder, 'usr/lib', name)));
  const folders = triplets.flatMap((name) => ['', '/blas', '/lapack'].map((part) => `/usr/lib/${name}${part}\n`));
  writeFileSync(join(folder, 'etc/ld.so.conf'), folders.join(''));
  await command('/sbin/ldconfig', ['-r', folder], { what: 'making the cache of the dynamic linker' });
}
