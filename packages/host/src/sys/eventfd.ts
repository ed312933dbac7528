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

/** preadv2(2), which not every C library has; undefined on other machines */
const PREADV2 = { x64: 327, arm64: 286 }[process.arch as string];
const RWF_NOWAIT = 8;
// struct iovec: where the word to read into is, and its length
const vector = pinnedAddress(new BigUint64Array([BigInt(sink), 8n]).buffer);

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
  const result = readNow(fd);
  if (result < 0 && lastErrno() !== constants.errno.EAGAIN) throw new SysError('read', lastErrno(), 'silencing a doorbell');
  return result > 0;
}

/** Blocks this thread until a doorbell that is a blocking descriptor rings, and sets it back: only measurements have time for that. */
export function waitForRing(fd: Fd): void {
  if (retry(() => libc.read(fd.number, sink, 8)) < 0) throw new SysError('read', lastErrno(), 'waiting for a doorbell');
}

/**
 * Reads without waiting, whether the descriptor is a blocking one or not. preadv2 with RWF_NOWAIT does that in one call, so that
 * nobody can empty the counter in between. Where the kernel cannot do that with this kind of descriptor, poll is asked before.
 */
function readNow(fd: Fd): number {
  if (PREADV2 !== undefined) {
    const result = retry(() => libc.syscall6(PREADV2, fd.number, vector, 1, -1, 0, RWF_NOWAIT));
    if (result >= 0 || lastErrno() === constants.errno.EAGAIN) return result;
  }
  return canRead(fd) ? retry(() => libc.read(fd.number, sink, 8)) : 0;
}
