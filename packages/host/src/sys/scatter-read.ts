// SPDX-License-Identifier: Apache-2.0
/** Reading a stream straight into memory that is named by its addresses. Descriptors must be non-blocking ones. */
import { constants } from 'node:os';
import { Fd, type FdCloser } from './fd.ts';
import { lastErrno, libc, pinnedAddress, retry } from './libc.ts';
import { SysError } from './sys-error.ts';

/** A piece of mapped memory. */
export interface MemorySpan {
  readonly address: number;
  readonly length: number;
}

const passing = new ArrayBuffer(64 * 1024);

/** Memory of this thread for bytes that are looked at, or dropped, before anything else is read. */
export const PASSING: MemorySpan & { readonly bytes: Uint8Array<ArrayBuffer> } = {
  address: pinnedAddress(passing),
  length: passing.byteLength,
  bytes: new Uint8Array(passing),
};

/** Most pieces of one call. */
const MAX_SPANS = 64;
/** Most descriptors that Linux carries in one message (SCM_MAX_FD). */
const MAX_FDS = 253;
const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
const MSG_DONTWAIT = 0x40;
const MSG_CMSG_CLOEXEC = 0x40000000;

// msghdr 56 bytes, iovecs of 16 bytes each, and a control block with one cmsghdr of 16.
const VECTORS = 64;
const CONTROL = VECTORS + 16 * MAX_SPANS;
const CONTROL_BYTES = 16 + 4 * MAX_FDS + 4;
const scratch = new ArrayBuffer(CONTROL + CONTROL_BYTES);
const base = pinnedAddress(scratch);
const words = new DataView(scratch);

function setWord(at: number, value: number): void {
  words.setUint32(at, value % 2 ** 32, true);
  words.setUint32(at + 4, Math.floor(value / 2 ** 32), true);
}

/** Writes the iovecs; how many there are. */
function describe(spans: readonly MemorySpan[]): number {
  const count = Math.min(spans.length, MAX_SPANS);
  for (let i = 0; i < count; i++) {
    setWord(VECTORS + 16 * i, spans[i]?.address ?? 0);
    setWord(VECTORS + 16 * i + 8, spans[i]?.length ?? 0);
  }
  return count;
}

/** What reading came to; 'closed' is the end of the stream, orderly or not. Throws `SysError` for everything else. */
function outcome(call: string, result: number): number | 'again' | 'closed' {
  if (result > 0) return result;
  if (result === 0) return 'closed';
  const errno = lastErrno();
  if (errno === constants.errno.EAGAIN) return 'again';
  if (errno === constants.errno.ECONNRESET || errno === constants.errno.EIO) return 'closed';
  throw new SysError(call, errno);
}

/** Reads what is there from a pipe or a terminal into the pieces, one after another, at most 64 of them; how many bytes that were. */
export function readInto(fd: Fd, spans: readonly MemorySpan[]): number | 'again' | 'closed' {
  const count = describe(spans);
  return outcome(
    'readv',
    retry(() => libc.readv(fd.number, base + VECTORS, count)),
  );
}

/** The same from a Unix socket. 'descriptors' came with the bytes, and `closer` closes them: closing one may wait for whoever is behind it. */
export function receiveInto(fd: Fd, spans: readonly MemorySpan[], closer: FdCloser): number | 'again' | 'closed' | 'descriptors' {
  const count = describe(spans);
  setWord(0, 0);
  setWord(8, 0);
  setWord(16, base + VECTORS);
  setWord(24, count);
  setWord(32, base + CONTROL);
  setWord(40, CONTROL_BYTES);
  setWord(48, 0);
  const result = retry(() => libc.recvmsg(fd.number, base, MSG_DONTWAIT | MSG_CMSG_CLOEXEC));
  if (result >= 0 && closeReceived(closer)) return 'descriptors';
  return outcome('recvmsg', result);
}

/** True if there were any. */
function closeReceived(closer: FdCloser): boolean {
  let any = false;
  const end = CONTROL + Math.min(words.getUint32(40, true), CONTROL_BYTES);
  for (let at = CONTROL; at + 16 <= end; ) {
    const size = words.getUint32(at, true);
    if (size < 16) break;
    if (words.getInt32(at + 8, true) === SOL_SOCKET && words.getInt32(at + 12, true) === SCM_RIGHTS) {
      for (let i = at + 16; i + 4 <= Math.min(at + size, end); i += 4) {
        any = true;
        Fd.adopt(words.getInt32(i, true), closer).close();
      }
    }
    at += Math.ceil(size / 8) * 8;
  }
  return any;
}
