// SPDX-License-Identifier: Apache-2.0
/** How things go wrong for a user of the driver. */
import { Errno } from '../../wire/errno.gen.ts';

const NAMES = new Map<number, string>();
for (const [name, value] of Object.entries(Errno)) if (!NAMES.has(value)) NAMES.set(value, name);

/** `EINVAL` for 22; `errno 999` for a number that Linux does not have. */
export function errnoName(errno: number): string {
  return errno === 0 ? 'success' : (NAMES.get(errno) ?? `errno ${errno}`);
}

/** A command was answered with an errno, or the driver refused it as the Linux driver would. */
export class IoctlError extends Error {
  /** positive Linux errno */
  readonly errno: number;
  /** what was asked: `VIDIOC_S_FMT`, `OPEN`, `DQBUF` */
  readonly request: string;

  constructor(request: string, errno: number, detail?: string) {
    super(`${request}: ${errnoName(errno)}${detail === undefined ? '' : ` (${detail})`}`);
    this.name = 'IoctlError';
    this.errno = errno;
    this.request = request;
  }
}

/** The device broke the protocol, or the way to it is gone. */
export class DriverError extends Error {
  override readonly name = 'DriverError';
}
