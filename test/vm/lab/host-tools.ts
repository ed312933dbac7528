// SPDX-License-Identifier: Apache-2.0
import { spawnSync } from 'node:child_process';
import { command } from './command.ts';
import { LabError } from './lab-error.ts';

/** Programs of this machine that the setup uses, and Debian's packages with them. */
const TOOLS: Readonly<Record<string, string>> = {
  'apt-get': 'apt',
  'dpkg-deb': 'dpkg',
  tar: 'tar',
  setpriv: 'util-linux',
  unshare: 'util-linux',
  xz: 'xz-utils',
};

/** Makes sure that the programs are there: installs Debian's packages where this process may, else throws `LabError`. */
export async function installHostTools(progress: (step: string) => void): Promise<void> {
  const missing = Object.keys(TOOLS).filter((name) => spawnSync(name, ['--version'], { stdio: 'ignore' }).error !== undefined);
  if (missing.length === 0) return;
  if (missing.includes('apt-get') || missing.includes('dpkg-deb')) {
    throw new LabError(`${missing.join(', ')} not found: test guests are made of Debian's packages, by Debian's tools`);
  }
  const packages = missing.map((name) => TOOLS[name] ?? name);
  if (process.getuid?.() !== 0) throw new LabError(`${missing.join(', ')} not found: install ${packages.join(' ')}`);
  progress(`installing ${packages.join(' ')}`);
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  await command('apt-get', ['update'], { what: "fetching the machine's package lists", env });
  await command('apt-get', ['install', '-y', '--no-install-recommends', ...packages], { what: `installing ${packages}`, env });
}
