// SPDX-License-Identifier: Apache-2.0
/** Pipes, with and without a name. */
import { closeSync, openSync } from 'node:fs';
import { constants } from 'node:os';
import { Fd, setNonBlocking } from './fd.ts';
import { check, lastErrno, libc, pinnedAddress } from './libc.ts';
import { SysError } from './sys-error.ts';

const O_RDONLY = 0;
const O_NONBLOCK = 0o4000;
const O_CLOEXEC = 0o2000000;
const F_SETPIPE_SZ = 1031;

const ends = new Int32Array(2);
const endsAddress = pinnedAddress(ends.buffer);

/** The end to read from, which answers at once, and the one to write to, which waits; both close-on-exec. */
export function pipe(): [from: Fd, to: Fd] {
  check(libc.pipe2(endsAddress, O_CLOEXEC), 'pipe2');
  const [from, to] = [Fd.adopt(ends[0] ?? -1), Fd.adopt(ends[1] ?? -1)];
  setNonBlocking(from);
  return [from, to];
}

/** Lets a pipe hold so many bytes, if this user may have such a one: fewer wake-ups for as many bytes. Nothing else changes. */
export function growPipe(fd: Fd, bytes: number): void {
  libc.fcntl(fd.number, F_SETPIPE_SZ, bytes);
}

/** Makes a FIFO that its owner reads and writes, and nobody else. False if something lies there already; throws `SysError`. */
export function makeFifo(path: string): boolean {
  if (libc.mkfifo(path, 0o600) === 0) return true;
  if (lastErrno() === constants.errno.EEXIST) return false;
  throw new SysError('mkfifo', lastErrno(), path);
}

/**
 * Takes what a descriptor of this process is open for: answers a non-blocking one of our own, and has the old number read nothing
 * from then on. Throws `SysError`, or the errors of `openSync`.
 */
export function takeOver(number: number): Fd {
  const taken = nonBlocking(number);
  try {
    const nothing = openSync('/dev/null', O_RDONLY);
    check(libc.dup2(nothing, number), 'dup2');
    closeSync(nothing);
    return taken;
  } catch (error) {
    taken.close();
    throw error;
  }
}

/** Opened anew where that can be, so that whoever shares the old one with us does not find it changed. */
function nonBlocking(number: number): Fd {
  try {
    return Fd.adopt(openSync(`/proc/self/fd/${number}`, O_RDONLY | O_NONBLOCK));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENXIO') throw error;
  }
  // A socket.
  const old = Fd.adopt(number);
  const own = old.dup();
  old.take();
  setNonBlocking(own);
  return own;
}
