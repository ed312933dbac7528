// SPDX-License-Identifier: Apache-2.0
import { constants } from 'node:os';

const names = new Map<number, string>(Object.entries(constants.errno).map(([name, value]) => [value, name]));

/** A system call failed. `code` is the errno's name (`EBADF`), `errno` its number, `call` what was called. */
export class SysError extends Error {
  override readonly name = 'SysError';
  readonly call: string;
  readonly errno: number;
  readonly code: string;

  constructor(call: string, errno: number, detail?: string) {
    const code = names.get(errno) ?? `errno ${errno}`;
    super(`${call} failed with ${code}${detail === undefined ? '' : `: ${detail}`}`);
    this.call = call;
    this.errno = errno;
    this.code = code;
  }
}
