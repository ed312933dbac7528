// SPDX-License-Identifier: Apache-2.0
import koffi from 'koffi';
import { check, lastErrno, libc } from './libc.ts';
import { SysError } from './sys-error.ts';

const F_SETFD = 2;

const execve = koffi.load(null).func('int execve(str path, str *arguments, str *environment)') as unknown as (
  path: string,
  args: readonly (string | null)[],
  environment: readonly (string | null)[],
) => number;

/**
 * This process becomes another program, with the descriptors `0` to `lastFd` and the environment that it has. Its other
 * threads end. Returns only by throwing `SysError`. Node's own call is refused together with that of starting others.
 */
export function become(program: string, args: readonly string[], lastFd: number): never {
  // Node marks what it inherits as close-on-exec.
  for (let fd = 0; fd <= lastFd; fd += 1) check(libc.fcntl(fd, F_SETFD, 0), 'fcntl(F_SETFD)', `descriptor ${fd}`);
  const environment = Object.entries(process.env).map(([name, value]) => `${name}=${value ?? ''}`);
  execve(program, [program, ...args, null], [...environment, null]);
  throw new SysError('execve', lastErrno(), program);
}
