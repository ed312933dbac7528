// SPDX-License-Identifier: Apache-2.0
/**
 * The C library, bound once per thread. Addresses are numbers (a user-space address on 64-bit Linux has 47 bits and on
 * some machines 52, so all are safe integers); memory of our own is passed by its address too, because a call through a
 * number allocates nothing.
 */
import { constants } from 'node:os';
import koffi from 'koffi';
import { SysError } from './sys-error.ts';

const library = koffi.load(null);

function bind<F extends (...args: never[]) => number>(definition: string): F {
  return library.func(definition) as unknown as F;
}

/** Raw C functions: each returns what C returns; -1 goes through `check`. */
export const libc = {
  // Variadic, but nothing is created here: two arguments are all.
  open: bind<(path: string, flags: number) => number>('int open(str path, int flags)'),
  close: bind<(fd: number) => number>('int close(int fd)'),
  fcntl: bind<(fd: number, command: number, value: number) => number>('int fcntl(int fd, int command, int64 value)'),
  ftruncate: bind<(fd: number, length: number) => number>('int ftruncate(int fd, int64 length)'),
  fallocate: bind<(fd: number, mode: number, offset: number, length: number) => number>(
    'int fallocate(int fd, int mode, int64 offset, int64 length)',
  ),
  lseek: bind<(fd: number, offset: number, whence: number) => number>('int64 lseek(int fd, int64 offset, int whence)'),
  memfd_create: bind<(name: string, flags: number) => number>('int memfd_create(str name, uint32 flags)'),
  mmap: bind<(address: number, length: number, protection: number, flags: number, fd: number, offset: number) => number>(
    'int64 mmap(int64 address, size_t length, int protection, int flags, int fd, int64 offset)',
  ),
  munmap: bind<(address: number, length: number) => number>('int munmap(int64 address, size_t length)'),
  mprotect: bind<(address: number, length: number, protection: number) => number>(
    'int mprotect(int64 address, size_t length, int protection)',
  ),
  sigaction: bind<(signal: number, fresh: number, old: number) => number>('int sigaction(int signal, int64 fresh, int64 old)'),
  madvise: bind<(address: number, length: number, advice: number) => number>(
    'int madvise(int64 address, size_t length, int advice)',
  ),
  memcpy: bind<(to: number, from: number, length: number) => number>('int64 memcpy(int64 to, int64 from, size_t length)'),
  eventfd: bind<(value: number, flags: number) => number>('int eventfd(uint32 value, int flags)'),
  read: bind<(fd: number, address: number, length: number) => number>('int64 read(int fd, int64 address, size_t length)'),
  readv: bind<(fd: number, vectors: number, count: number) => number>('int64 readv(int fd, int64 vectors, int count)'),
  write: bind<(fd: number, address: number, length: number) => number>('int64 write(int fd, int64 address, size_t length)'),
  pipe2: bind<(fds: number, flags: number) => number>('int pipe2(int64 fds, int flags)'),
  mkfifo: bind<(path: string, mode: number) => number>('int mkfifo(str path, uint32 mode)'),
  dup2: bind<(from: number, to: number) => number>('int dup2(int from, int to)'),
  socket: bind<(domain: number, type: number, protocol: number) => number>('int socket(int domain, int type, int protocol)'),
  socketpair: bind<(domain: number, type: number, protocol: number, address: number) => number>(
    'int socketpair(int domain, int type, int protocol, int64 address)',
  ),
  bind: bind<(fd: number, address: number, length: number) => number>('int bind(int fd, int64 address, uint32 length)'),
  listen: bind<(fd: number, backlog: number) => number>('int listen(int fd, int backlog)'),
  connect: bind<(fd: number, address: number, length: number) => number>('int connect(int fd, int64 address, uint32 length)'),
  accept4: bind<(fd: number, address: number, length: number, flags: number) => number>(
    'int accept4(int fd, int64 address, int64 length, int flags)',
  ),
  recvmsg: bind<(fd: number, header: number, flags: number) => number>('int64 recvmsg(int fd, int64 header, int flags)'),
  sendmsg: bind<(fd: number, header: number, flags: number) => number>('int64 sendmsg(int fd, int64 header, int flags)'),
  shutdown: bind<(fd: number, how: number) => number>('int shutdown(int fd, int how)'),
  getsockopt: bind<(fd: number, level: number, name: number, value: number, length: number) => number>(
    'int getsockopt(int fd, int level, int name, int64 value, int64 length)',
  ),
  ioctl: bind<(fd: number, request: number, argument: number) => number>('int ioctl(int fd, uint64 request, int64 argument)'),
  poll: bind<(fds: number, count: number, timeout: number) => number>('int poll(int64 fds, uint64 count, int timeout)'),
  epoll_create1: bind<(flags: number) => number>('int epoll_create1(int flags)'),
  epoll_ctl: bind<(epoll: number, operation: number, fd: number, event: number) => number>(
    'int epoll_ctl(int epoll, int operation, int fd, int64 event)',
  ),
  epoll_wait: bind<(epoll: number, events: number, max: number, timeout: number) => number>(
    'int epoll_wait(int epoll, int64 events, int max, int timeout)',
  ),
  prctl: bind<(option: number, a: number, b: number, c: number, d: number) => number>(
    'int prctl(int option, int64 a, int64 b, int64 c, int64 d)',
  ),
  prlimit: bind<(pid: number, resource: number, fresh: number, old: number) => number>(
    'int prlimit(int pid, int resource, int64 fresh, int64 old)',
  ),
  syscall: bind<(number: number, a: number, b: number, c: number) => number>(
    'int64 syscall(int64 number, int64 a, int64 b, int64 c)',
  ),
  syscall6: bind<(number: number, a: number, b: number, c: number, d: number, e: number, f: number) => number>(
    'int64 syscall(int64 number, int64 a, int64 b, int64 c, int64 d, int64 e, int64 f)',
  ),
  getxattr: bind<(path: string, name: string, value: number, length: number) => number>(
    'int64 getxattr(str path, str name, int64 value, size_t length)',
  ),
  sysconf: bind<(name: number) => number>('int64 sysconf(int name)'),
};

/**
 * Makes a call of `libc` in a thread of Node's pool, for calls whose time grows with what they are given; resolves to what C returns.
 * What is -1 has no errno here.
 */
export function aside<F extends (...args: never[]) => number>(call: F, ...args: Parameters<F>): Promise<number> {
  const { async: begin } = call as unknown as { async: (...args: unknown[]) => void };
  return new Promise((resolve, reject) => {
    begin(...args, (error: Error | null, result: number) => (error === null ? resolve(result) : reject(error)));
  });
}

/** errno of the last call of `libc` in this thread */
export function lastErrno(): number {
  return koffi.errno();
}

/** Passes a result through, or throws the `SysError` that -1 stands for. */
export function check(result: number, call: string, detail?: string): number {
  if (result < 0) throw new SysError(call, lastErrno(), detail);
  return result;
}

/** Repeats a call that a signal interrupted. */
export function retry(call: () => number): number {
  for (let tries = 0; tries < 100; tries++) {
    const result = call();
    if (result >= 0 || lastErrno() !== constants.errno.EINTR) return result;
  }
  return -1;
}

const pinned: ArrayBuffer[] = [];

/**
 * The address of memory of our own, which stays valid for the life of the thread: V8 never moves a backing store, and the
 * reference kept here saves it from collection, whoever else forgets it. For the few buffers that a module keeps.
 */
export function pinnedAddress(buffer: ArrayBuffer): number {
  pinned.push(buffer);
  return Number(koffi.address(buffer));
}

/** A view of foreign memory, without a copy. */
export function foreignView(address: number, length: number): ArrayBuffer {
  return koffi.view(BigInt(address), length);
}

/** Bytes of a page of this machine. */
export const PAGE_SIZE: number = libc.sysconf(30);
