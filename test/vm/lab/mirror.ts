// SPDX-License-Identifier: Apache-2.0
import { existsSync } from 'node:fs';
import { command } from './command.ts';
import { LabError } from './lab-error.ts';

const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

/** An archive of Debian's packages and the keys that sign it. */
export interface Mirror {
  readonly uri: string;
  readonly keyring: string;
}

/**
 * The archive that this machine's own package manager uses: the project names none. `PARAVIDEO_VM_MIRROR` overrides it, for
 * machines that are not Debian. Throws `LabError` where neither is to be had.
 */
export async function findMirror(env: NodeJS.ProcessEnv = process.env): Promise<Mirror> {
  if (!existsSync(KEYRING)) throw new LabError(`${KEYRING} is missing: install the package debian-archive-keyring`);
  if (env.PARAVIDEO_VM_MIRROR) return { uri: env.PARAVIDEO_VM_MIRROR, keyring: KEYRING };
  const targets = await command('apt-get', ['indextargets', '--format', '$(REPO_URI) $(RELEASE) $(COMPONENT)'], {
    what: "reading the machine's package sources",
  });
  const uri = chooseMirror(targets);
  if (uri === undefined) {
    throw new LabError("this machine's package sources name no Debian archive: set PARAVIDEO_VM_MIRROR to the address of one");
  }
  return { uri, keyring: KEYRING };
}

const RELEASES = /^(bullseye|bookworm|trixie|forky|sid|oldstable|stable|testing|unstable)$/;

/** The first archive among lines of `address release component` that holds a main release: not updates, security or a vendor's. */
export function chooseMirror(targets: string): string | undefined {
  for (const line of targets.split('\n')) {
    const [uri, release, component] = line.trim().split(' ');
    if (uri && component === 'main' && RELEASES.test(release ?? '')) return uri.replace(/\/$/, '');
  }
  return undefined;
}
