// SPDX-License-Identifier: Apache-2.0
/** Doorbells. */
import { constants } from 'node:os';
import { canRead, canWrite, Fd } from './fd.ts';
import { check, lastErrno, libc, pinnedAddress, retry } from './libc.ts';
import { SysError } from './sys-error.ts';

const EFD_CLOEXEC = 0o2000000;
const EFD_NONBLOCK = 0o4000;

// One word to write from and one to read into, for all doorbells of this thread: the calls are synchronous.
const words = new BigUint64Array([1n, 0n]);
const one = pinnedAddress(words.buffer);
const sink = one + 8;

/** A non-blocking, close-on-exec event counter at 0. */
export function eventfd(): Fd {
  return Fd.adopt(check(libc.eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), 'eventfd'));
}

/** Adds one. A counter that is full is a doorbell that rings already. */
export function signal(fd: Fd): void {
  // Whoever shares the descriptor can make it a blocking one at any time, so that alone is not relied upon.
  if (!canWrite(fd)) return;
  const result = retry(() => libc.write(fd.number, one, 8));
  if (result < 0 && lastErrno() !== constants.errno.EAGAIN) throw new SysError('write', lastErrno(), 'ringing a doorbell');
}

/** Sets the counter back to 0; one read is enough however often it was rung (VU-V16). True if it had been rung. */
export function drain(fd: Fd): boolean {
  if (!canRead(fd)) return false;
  const result = retry(() => libc.read(fd.number, sink, 8));
  if (result < 0 && lastErrno() !== constants.errno.EAGAIN) throw new SysError('read', lastErrno(), 'silencing a doorbell');
  return result > 0;
}
