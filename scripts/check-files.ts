// SPDX-License-Identifier: Apache-2.0
/** Checks each file by itself: the licence line in sources, no unfinished work, no registry address in the lock file. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, report, repositoryFiles } from './source-files.ts';

const LICENCE = 'SPDX-License-Identifier: Apache-2.0';
/** A module of the Linux kernel is under the kernel's licence. */
const KERNEL = { folder: 'guest/linux/', licence: /SPDX-License-Identifier: (\(\()?GPL-2\.0/ };
const UNFINISHED = /\b(TO[D]O|FIX[M]E|XX[X])\b/;
const SOURCE = /\.(ts|js|mjs|c|h|sh)$|^\.ci\/run$/;

const findings: string[] = [];
const sources = repositoryFiles().filter((path) => SOURCE.test(path));
for (const path of sources) {
  const text = readFileSync(join(ROOT, path), 'utf8');
  const head = text.split('\n', 2).join('\n');
  const licensed = path.startsWith(KERNEL.folder) ? KERNEL.licence.test(head) : head.includes(LICENCE);
  if (!licensed) findings.push(`${path}:1 has no licence line: start it with // ${LICENCE}`);
  const unfinished = text.split('\n').findIndex((line) => UNFINISHED.test(line));
  if (unfinished !== -1)
    findings.push(`${path}:${unfinished + 1} marks unfinished work: finish it, or describe it in docs/LIMITS.md`);
}

interface LockEntry {
  readonly resolved?: string;
  readonly link?: boolean;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}
const lock = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as {
  packages: Readonly<Record<string, LockEntry>>;
};
const locked = Object.keys(lock.packages);
for (const [name, entry] of Object.entries(lock.packages)) {
  if (entry.resolved !== undefined && entry.link !== true) {
    findings.push(`package-lock.json: ${name} names a registry: install with omit-lockfile-registry-resolved (see .npmrc)`);
  }
  // npm leaves out packages for other systems that it could not see when it wrote the file, and `npm ci` then refuses it
  for (const wanted of Object.keys(entry.optionalDependencies ?? {})) {
    if (!locked.some((path) => path.endsWith(`node_modules/${wanted}`))) {
      findings.push(
        `package-lock.json: ${wanted}, optional for ${name || 'the project'}, has no entry: add its version, os and cpu`,
      );
    }
  }
}
report('files', sources.length, findings);
