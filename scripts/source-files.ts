// SPDX-License-Identifier: Apache-2.0
/** The files of the project, for the checks that read them. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** the top of the repository, without a slash at the end */
export const ROOT = fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, '');

/** Files that belong to the repository (tracked, or new and not ignored), relative to its top, sorted. */
export function repositoryFiles(): string[] {
  const list = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  return [...new Set(list.split('\0'))].filter((path) => path !== '' && existsSync(join(ROOT, path))).sort();
}

/** Prints the findings of a check, and sets the exit code by them. */
export function report(check: string, looked: number, findings: readonly string[]): void {
  for (const finding of findings) console.error(finding);
  console.log(
    `${check}: ${looked} files, ${findings.length === 0 ? 'nothing to complain about' : `${findings.length} findings`}`,
  );
  process.exitCode = findings.length === 0 ? 0 : 1;
}
