// SPDX-License-Identifier: Apache-2.0
import { readdirSync } from 'node:fs';
import { constants } from 'node:os';
import { check, libc, pinnedAddress } from './libc.ts';
import { SysError } from './sys-error.ts';

const F_DUPFD_CLOEXEC = 1030;
const F_SETFD = 2;
const FD_CLOEXEC = 1;
const F_GETFL = 3;
const F_SETFL = 4;
const O_NONBLOCK = 0o4000;
const O_CLOEXEC = 0o2000000;
/** the same number on every machine */
const SYS_close_range = 436;
const CLOSE_RANGE_CLOEXEC = 4;

/** Closes descriptors that are not our own: closing one may wait for whoever is behind it. Never throws. */
export interface FdCloser {
  close(number: number): void;
}

/**
 * A file descriptor with one owner. Whoever holds the object closes it (`using`, `close`, or `take` to hand the number
 * on); everybody else borrows. Closing twice is harmless.
 */
export class Fd implements Disposable {
  #number: number;
  readonly #closer: FdCloser | undefined;

  private constructor(number: number, closer?: FdCloser) {
    this.#number = number;
    this.#closer = closer;
  }

  /** Takes ownership of an open descriptor; `closer` closes it and its duplicates, if it came from elsewhere. */
  static adopt(number: number, closer?: FdCloser): Fd {
    if (!Number.isInteger(number) || number < 0)
      throw new SysError('Fd.adopt', constants.errno.EBADF, `${number} is no descriptor`);
    return new Fd(number, closer);
  }

  /**
   * Opens a file that is there. Not through Node: what a thread opens with `node:fs` and closes otherwise it closes once more when it
   * ends, whatever has that number then. Throws `SysError`.
   */
  static open(path: string, flags: number): Fd {
    return new Fd(check(libc.open(path, flags | O_CLOEXEC), 'open', path));
  }

  /** The descriptor. Throws `SysError` (EBADF) after `close` or `take`. */
  get number(): number {
    if (this.#number < 0) throw new SysError('Fd.number', constants.errno.EBADF, 'the descriptor was closed or given away');
    return this.#number;
  }

  /** True until `close` or `take`. */
  get open(): boolean {
    return this.#number >= 0;
  }

  /** A second descriptor of the same file, close-on-exec, with an owner of its own. */
  dup(): Fd {
    return new Fd(check(libc.fcntl(this.number, F_DUPFD_CLOEXEC, 0), 'fcntl(F_DUPFD_CLOEXEC)'), this.#closer);
  }

  /** Gives the number away: this object does not close it any more. */
  take(): number {
    const number = this.number;
    this.#number = -1;
    return number;
  }

  close(): void {
    if (this.#number < 0) return;
    const number = this.#number;
    this.#number = -1;
    if (this.#closer !== undefined) return this.#closer.close(number);
    // Linux has released the descriptor whatever close() answers, so there is nothing to do about an error.
    libc.close(number);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** Makes reads and writes of a foreign descriptor (and of all its duplicates) answer at once. */
export function setNonBlocking(fd: Fd): void {
  const flags = check(libc.fcntl(fd.number, F_GETFL, 0), 'fcntl(F_GETFL)');
  if ((flags & O_NONBLOCK) === 0) check(libc.fcntl(fd.number, F_SETFL, flags | O_NONBLOCK), 'fcntl(F_SETFL)');
}

/** Makes reads and writes of a descriptor (and of all its duplicates) wait. */
export function setBlocking(fd: Fd): void {
  const flags = check(libc.fcntl(fd.number, F_GETFL, 0), 'fcntl(F_GETFL)');
  check(libc.fcntl(fd.number, F_SETFL, flags & ~O_NONBLOCK), 'fcntl(F_SETFL)');
}

const POLLIN = 1;
const POLLOUT = 4;
// struct pollfd: int fd; short events, revents
const polled = new Int32Array(2);
const polledAddress = pinnedAddress(polled.buffer);

/** True if a write has something to do at once: room for some bytes, or an error to answer. */
export function canWrite(fd: Fd): boolean {
  return ready(fd, POLLOUT);
}

/** True if a read has something to do at once: some bytes, the end, or an error to answer. */
export function canRead(fd: Fd): boolean {
  return ready(fd, POLLIN);
}

function ready(fd: Fd, events: number): boolean {
  polled[0] = fd.number;
  polled[1] = events;
  return libc.poll(polledAddress, 1, 0) > 0;
}

/**
 * Every descriptor from `first` on is closed in the programs that this process starts from now on, unless it is handed to
 * them by name: those too that this process was itself started with.
 */
export function closeOnExec(first: number): void {
  if (libc.syscall(SYS_close_range, first, 0xffff_ffff, CLOSE_RANGE_CLOEXEC) === 0) return;
  // A kernel before 5.11.
  for (const name of readdirSync('/proc/self/fd')) {
    if (Number(name) >= first) libc.fcntl(Number(name), F_SETFD, FD_CLOEXEC);
  }
}
