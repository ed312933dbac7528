// SPDX-License-Identifier: Apache-2.0
import { spawnSync } from 'node:child_process';

/** Milliseconds that a try may take. */
const TRY_WITHIN = 10_000;

/** What a short command said when it failed; undefined if it did not. */
export function refusalOf(
  [command = '', ...args]: readonly string[],
  env: Readonly<Record<string, string>> = {},
): string | undefined {
  const { status, stderr, error } = spawnSync(command, args, {
    env,
    cwd: '/',
    encoding: 'latin1',
    timeout: TRY_WITHIN,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  if (status === 0) return undefined;
  return stderr.trim().split('\n', 1)[0] || error?.message || `status ${status}`;
}
