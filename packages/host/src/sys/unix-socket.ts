// SPDX-License-Identifier: Apache-2.0
/** Unix stream sockets that carry descriptors. Everything is close-on-exec, and nothing blocks, not even on a socket from elsewhere. */
import { lstatSync, unlinkSync } from 'node:fs';
import { constants } from 'node:os';
import { Fd, type FdCloser } from './fd.ts';
import { check, lastErrno, libc, pinnedAddress, retry } from './libc.ts';
import { SysError } from './sys-error.ts';

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_SEQPACKET = 5;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
const SO_DOMAIN = 39;
const SHUT_RD = 0;
const MSG_PEEK = 2;
const MSG_CTRUNC = 8;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const MSG_CMSG_CLOEXEC = 0x40000000;
const { EAGAIN, EPIPE, ECONNRESET, EINVAL, ENAMETOOLONG } = constants.errno;

/** Most descriptors that Linux carries in one message (SCM_MAX_FD). */
const MAX_FDS = 253;
/** Most bytes that one `send` or `receive` moves. */
const MAX_BYTES = 65536;

// The C structs of one call, at fixed places of one buffer (64-bit Linux): msghdr 56 bytes, iovec 16, a control block with
// one cmsghdr of 16 and room for every descriptor that can come, and the bytes.
const HEADER = 0;
const IOVEC = 64;
const CONTROL = 128;
const CONTROL_BYTES = 16 + 1024;
const BYTES = 2048;
const scratch = new ArrayBuffer(BYTES + MAX_BYTES);
const base = pinnedAddress(scratch);
const words = new DataView(scratch);
const bytes = new Uint8Array(scratch, BYTES);

function prepare(length: number, control: number): void {
  new Uint8Array(scratch, 0, BYTES).fill(0);
  words.setBigUint64(HEADER + 16, BigInt(base + IOVEC), true);
  words.setBigUint64(HEADER + 24, 1n, true);
  words.setBigUint64(HEADER + 32, control === 0 ? 0n : BigInt(base + CONTROL), true);
  words.setUint32(HEADER + 40, control, true);
  words.setBigUint64(IOVEC, BigInt(base + BYTES), true);
  words.setUint32(IOVEC + 8, length, true);
}

/** What `receive` got. `surplus` counts descriptors that came beyond `maxFds`, or that the kernel dropped; they are closed. */
export interface ReceivedMessage {
  readonly bytes: number;
  readonly fds: Fd[];
  readonly surplus: number;
}

/**
 * Reads what is there, at most `into.length` bytes (which must not be 0). The caller owns the descriptors, which `closer` closes.
 * 'closed' is the end of the stream, orderly or not.
 */
export function receive(fd: Fd, into: Uint8Array, maxFds: number, closer?: FdCloser): ReceivedMessage | 'again' | 'closed' {
  const length = Math.min(into.length, MAX_BYTES);
  if (length === 0) throw new SysError('recvmsg', EINVAL, 'nothing to read into');
  prepare(length, CONTROL_BYTES);
  const result = retry(() => libc.recvmsg(fd.number, base + HEADER, MSG_DONTWAIT | MSG_CMSG_CLOEXEC));
  if (result < 0) {
    const errno = lastErrno();
    if (errno === EAGAIN) return 'again';
    if (errno === ECONNRESET || errno === EPIPE) return 'closed';
    throw new SysError('recvmsg', errno);
  }
  const fds: Fd[] = [];
  let surplus = (words.getUint32(HEADER + 48, true) & MSG_CTRUNC) === 0 ? 0 : 1;
  const end = CONTROL + Math.min(words.getUint32(HEADER + 40, true), CONTROL_BYTES);
  for (let at = CONTROL; at + 16 <= end; ) {
    const size = words.getUint32(at, true);
    if (size < 16) break;
    if (words.getInt32(at + 8, true) === SOL_SOCKET && words.getInt32(at + 12, true) === SCM_RIGHTS) {
      for (let i = at + 16; i + 4 <= Math.min(at + size, end); i += 4) {
        const received = Fd.adopt(words.getInt32(i, true), closer);
        if (fds.length < maxFds) {
          fds.push(received);
        } else {
          received.close();
          surplus += 1;
        }
      }
    }
    at += Math.ceil(size / 8) * 8;
  }
  if (result === 0) {
    for (const received of fds) received.close();
    return 'closed';
  }
  into.set(bytes.subarray(0, result));
  return { bytes: result, fds, surplus };
}

/**
 * Has a socket receive nothing more, through whatever descriptor, and drops what waits in it, up to the first message with descriptors.
 * True if nothing is left: then closing it closes nothing else. False, too, if it is no Unix socket.
 */
export function endReceiving(fd: Fd): boolean {
  words.setUint32(CONTROL, 4, true);
  if (libc.getsockopt(fd.number, SOL_SOCKET, SO_DOMAIN, base + BYTES, base + CONTROL) < 0) return false;
  if (words.getUint32(BYTES, true) !== AF_UNIX || libc.shutdown(fd.number, SHUT_RD) < 0) return false;
  for (;;) {
    // Peeked without room for descriptors, the message says only that it has some. Receiving it would close them.
    prepare(MAX_BYTES, 0);
    const there = libc.recvmsg(fd.number, base + HEADER, MSG_DONTWAIT | MSG_PEEK);
    // A peer that closed before it had read everything is reported once, ahead of what it sent.
    if (there < 0 && lastErrno() === ECONNRESET) continue;
    if (there <= 0) return there === 0;
    if ((words.getUint32(HEADER + 48, true) & MSG_CTRUNC) !== 0) return false;
    prepare(there, 0);
    if (libc.recvmsg(fd.number, base + HEADER, MSG_DONTWAIT) <= 0) return false;
  }
}

/**
 * Sends the first bytes of `from`, with descriptors (borrowed) attached to the first of them. The number of bytes that
 * went; 'again' if the socket is full, 'closed' if nobody listens any more.
 */
export function send(fd: Fd, from: Uint8Array, fds: readonly Fd[] = []): number | 'again' | 'closed' {
  const length = Math.min(from.length, MAX_BYTES);
  if (length === 0) return 0;
  if (fds.length > MAX_FDS) throw new SysError('sendmsg', EINVAL, `${fds.length} descriptors; at most ${MAX_FDS} fit`);
  prepare(length, fds.length === 0 ? 0 : Math.ceil((16 + 4 * fds.length) / 8) * 8);
  bytes.set(from.subarray(0, length));
  if (fds.length > 0) {
    words.setUint32(CONTROL, 16 + 4 * fds.length, true);
    words.setInt32(CONTROL + 8, SOL_SOCKET, true);
    words.setInt32(CONTROL + 12, SCM_RIGHTS, true);
    for (const [i, attached] of fds.entries()) words.setInt32(CONTROL + 16 + 4 * i, attached.number, true);
  }
  const result = retry(() => libc.sendmsg(fd.number, base + HEADER, MSG_DONTWAIT | MSG_NOSIGNAL));
  if (result >= 0) return result;
  const errno = lastErrno();
  if (errno === EAGAIN) return 'again';
  if (errno === EPIPE || errno === ECONNRESET) return 'closed';
  throw new SysError('sendmsg', errno);
}

/** Two connected sockets, for bytes or, with `packets`, for messages that arrive one by one as they were written. */
export function socketpair(carries: 'bytes' | 'packets' = 'bytes'): [Fd, Fd] {
  prepare(0, 0);
  const type = carries === 'bytes' ? SOCK_STREAM : SOCK_SEQPACKET;
  check(libc.socketpair(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, base), 'socketpair');
  return [Fd.adopt(words.getInt32(0, true)), Fd.adopt(words.getInt32(4, true))];
}

function socket(): Fd {
  return Fd.adopt(check(libc.socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), 'socket'));
}

/** Writes a `sockaddr_un` to the scratch; its length. */
function address(path: string): number {
  const name = Buffer.from(path);
  if (name.length > 107)
    throw new SysError('bind', ENAMETOOLONG, `a socket's path has at most 107 bytes, "${path}" has ${name.length}`);
  if (name.length === 0 || name.includes(0)) throw new SysError('bind', EINVAL, 'a socket needs a path without NUL');
  words.setUint16(BYTES, AF_UNIX, true);
  bytes.set(name, 2);
  bytes[2 + name.length] = 0;
  return 3 + name.length;
}

/** A socket that listens at `path`. Throws `SysError`: EADDRINUSE if the path exists. */
export function listenUnix(path: string): Fd {
  const fd = socket();
  try {
    const length = address(path);
    check(libc.bind(fd.number, base + BYTES, length), 'bind', path);
    check(libc.listen(fd.number, 16), 'listen', path);
    return fd;
  } catch (error) {
    fd.close();
    throw error;
  }
}

/** The same, in place of a socket that nobody listens at any more. Answers why that cannot be, where something else lies there. */
export function listenOrReplace(path: string): Fd | 'no socket' | 'in use' {
  try {
    return listenUnix(path);
  } catch (error) {
    if (!(error instanceof SysError) || error.errno !== constants.errno.EADDRINUSE) throw error;
  }
  if (!lstatSync(path).isSocket()) return 'no socket';
  try {
    connectUnix(path).close();
    return 'in use';
  } catch (error) {
    if (!(error instanceof SysError) || error.errno !== constants.errno.ECONNREFUSED) throw error;
  }
  unlinkSync(path);
  return listenUnix(path);
}

/** Connects to a socket. Throws `SysError`: ENOENT, ECONNREFUSED (nobody listens), EAGAIN (its queue is full). */
export function connectUnix(path: string): Fd {
  const fd = socket();
  try {
    const length = address(path);
    check(
      retry(() => libc.connect(fd.number, base + BYTES, length)),
      'connect',
      path,
    );
    return fd;
  } catch (error) {
    fd.close();
    throw error;
  }
}

/** The next connection, or 'again' if there is none. Throws `SysError`, for example EMFILE. */
export function accept(fd: Fd): Fd | 'again' {
  const result = retry(() => libc.accept4(fd.number, 0, 0, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (result >= 0) return Fd.adopt(result);
  const errno = lastErrno();
  if (errno === EAGAIN || errno === constants.errno.ECONNABORTED) return 'again';
  throw new SysError('accept4', errno);
}

const polled = new ArrayBuffer(8);
const pollWords = new DataView(polled);
const pollAddress = pinnedAddress(polled);
const POLLHUP = 0x10;

/** True if the other side has closed the connection, whether or not something that it said before is still to be read. */
export function hungUp(fd: Fd): boolean {
  // struct pollfd: POLLHUP is told without being asked for
  pollWords.setInt32(0, fd.number, true);
  pollWords.setUint32(4, 0, true);
  check(
    retry(() => libc.poll(pollAddress, 1, 0)),
    'poll',
  );
  return (pollWords.getUint16(6, true) & POLLHUP) !== 0;
}
