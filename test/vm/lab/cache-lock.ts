// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { LabError } from './lab-error.ts';

/**
 * Waits until no other process sets up this cache, and keeps others waiting until it is disposed of or this process ends, however that
 * comes: util-linux's flock holds the lock as long as its standard input is open. Throws `LabError` without that command.
 */
export async function lockCache(cache: string, waiting: () => void = () => {}): Promise<Disposable> {
  const holder = spawn('flock', [join(cache, 'lock'), 'sh', '-c', 'echo held; exec cat >/dev/null'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const failed = once(holder, 'exit').then(
    ([code]) => new LabError(`flock ended with ${code}`),
    (error: Error) => new LabError(`the command flock, of util-linux, is needed: ${error.message}`),
  );
  const told = setTimeout(waiting, 1000);
  const first = await Promise.race([once(holder.stdout, 'data').then(() => undefined), failed]);
  clearTimeout(told);
  if (first !== undefined) throw first;
  return { [Symbol.dispose]: () => holder.stdin.end() };
}
