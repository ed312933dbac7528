// SPDX-License-Identifier: Apache-2.0
import { spawn, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const rights = process.getuid?.() === 0 ? [] : ['--map-root-user'];
const APART = spawnSync('unshare', [...rights, '--mount', '--pid', '--fork', 'true']).status === 0;

/** How many processes have this text in their command line. */
function running(text: string): number {
  const lines = readdirSync('/proc').flatMap((pid) => {
    try {
      return /^\d+$/.test(pid) ? [readFileSync(`/proc/${pid}/cmdline`, 'latin1').split('\0')] : [];
    } catch {
      return [];
    }
  });
  return lines.filter((args) => args[0] === 'sleep' && args.includes(text)).length;
}

const told = APART ? '' : ' (skipped: this user may not make namespaces)';

it.skipIf(!APART)(`a program in a tree ends with the process that runs it, whatever ends that${told}`, async () => {
  const module = new URL('./vm/lab/chroot.ts', import.meta.url).href;
  const seconds = `1000000.${process.pid}`;
  const script = `import { inTree } from '${module}'; await inTree('/', 'sleeping', ['sleep', '${seconds}']);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'inherit' });
  await expect.poll(() => running(seconds)).toBe(1);
  child.kill('SIGKILL');
  await expect.poll(() => running(seconds)).toBe(0);
});
