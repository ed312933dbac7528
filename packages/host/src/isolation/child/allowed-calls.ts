// SPDX-License-Identifier: Apache-2.0
/**
 * The system calls that a sandboxed process may make, a list for each kind of child. What V8, libuv, the C library and
 * FFmpeg call after the door is closed, and what they call when a heap grows, a thread starts or the process ends; nothing
 * reaches another process or starts one, and but for streams of the network and screens nothing takes a path, or makes a descriptor but a copy
 * of one.
 */
import type { ArgumentTest, SyscallPolicy } from '../../sys/index.ts';

/** Flags of `clone` with which the C library starts a thread; musl adds CLONE_DETACHED, which Linux ignores. */
const THREAD_FLAGS = 0x003d0f00;
const CLONE_DETACHED = 0x00400000;

const PR_SET_NAME = 15;
const PR_GET_NAME = 16;
/** names a mapping; the C library and V8 do it where the kernel can */
const PR_SET_VMA = 0x53564d41;

const F_DUPFD = 0;
const F_GETFD = 1;
const F_SETFD = 2;
const F_GETFL = 3;
const F_SETFL = 4;
const F_DUPFD_CLOEXEC = 1030;
/** has the kernel send signals */
const O_ASYNC = 0x2000;

/** MAP_SHARED, MAP_PRIVATE, MAP_SHARED_VALIDATE are values of these bits */
const MAP_TYPE = 0x0f;
const MAP_SHARED = 0x01;
const MAP_PRIVATE = 0x02;
const MAP_NORESERVE = 0x4000;
/** MREMAP_MAYMOVE and MREMAP_FIXED; without MREMAP_DONTUNMAP */
const MREMAP_PLAIN = 0x03;

/** Node puts its standard descriptors back as they were when it ends, and aborts if it cannot. */
const SET_FLAGS: readonly ArgumentTest[] = [
  { argument: 1, is: F_SETFL },
  { argument: 2, mask: O_ASYNC, is: 0 },
];
const command = (is: number): readonly ArgumentTest[] => [{ argument: 1, is }];

const AF_UNIX = 1;
const AF_INET = 2;
const AF_INET6 = 10;
const FIONREAD = 0x541b;
const FIONBIO = 0x5421;
const O_ACCMODE = 0o3;
const O_CREAT = 0o100;
const O_TRUNC = 0o1000;

/** What sandboxed processes are there for. */
export type ChildKind = 'codec' | 'media file' | 'recorder' | 'network stream' | 'screen';

/** What every decoding process needs, the calls that are made most often first. */
function decoding(pid: number): SyscallPolicy {
  return {
    futex: 'allow',
    recvmsg: 'allow',
    write: 'allow',
    read: 'allow',
    epoll_pwait: 'allow',
    epoll_wait: 'allow',
    madvise: 'allow',
    mprotect: 'allow',
    munmap: 'allow',
    mmap: [[{ argument: 3, mask: MAP_TYPE, is: MAP_PRIVATE }]],
    mremap: [[{ argument: 3, mask: ~MREMAP_PLAIN, is: 0 }]],
    brk: 'allow',
    rt_sigprocmask: 'allow',
    rt_sigaction: 'allow',
    rt_sigreturn: 'allow',
    sigaltstack: 'allow',
    restart_syscall: 'allow',
    clone: [[{ argument: 0, mask: ~CLONE_DETACHED, is: THREAD_FLAGS }]],
    // Its arguments lie in memory, where no filter can see them: the C library falls back to clone.
    clone3: 'absent',
    set_robust_list: 'allow',
    rseq: 'allow',
    exit: 'allow',
    exit_group: 'allow',
    prctl: [PR_SET_NAME, PR_GET_NAME, PR_SET_VMA].map((is) => [{ argument: 0, is }]),
    sched_yield: 'allow',
    sched_getaffinity: 'allow',
    // V8's locks look at the priority of their thread.
    sched_getparam: 'allow',
    sched_getscheduler: 'allow',
    getcpu: 'allow',
    membarrier: 'allow',
    // V8 guards the memory of compiled code with protection keys where the processor has them.
    pkey_alloc: 'allow',
    pkey_free: 'allow',
    pkey_mprotect: 'allow',
    clock_gettime: 'allow',
    clock_getres: 'allow',
    clock_nanosleep: 'allow',
    nanosleep: 'allow',
    gettimeofday: 'allow',
    time: 'allow',
    times: 'allow',
    getrandom: 'allow',
    getpid: 'allow',
    getppid: 'allow',
    gettid: 'allow',
    getuid: 'allow',
    geteuid: 'allow',
    getgid: 'allow',
    getegid: 'allow',
    getrusage: 'allow',
    sysinfo: 'allow',
    uname: 'allow',
    // abort(3) sends the signal to the process's own thread.
    tgkill: [[{ argument: 0, is: pid }]],
    // Reads this process's own limits: the size of a thread's stack.
    prlimit64: [
      [
        { argument: 0, is: 0 },
        { argument: 2, is: 0, wide: true },
      ],
    ],
    fcntl: [...[F_GETFD, F_SETFD, F_GETFL].map(command), SET_FLAGS],
    fstat: 'allow',
    close: 'allow',
    poll: 'allow',
    ppoll: 'allow',
    readv: 'allow',
    writev: 'allow',
    epoll_ctl: 'allow',
  };
}

/** The calls that a process of this kind may make when its door is closed; `pid` is its own id. */
export function allowedCalls(kind: ChildKind, pid: number): SyscallPolicy {
  const base = decoding(pid);
  if (kind === 'codec') return base;
  const filed: SyscallPolicy = {
    ...base,
    // It reads or writes its file, and maps the pools that are sent to it. Anonymous shared memory is refused: no limit counts it.
    lseek: 'allow',
    pread64: 'allow',
    dup: 'allow',
    fcntl: [...[F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_DUPFD_CLOEXEC].map(command), SET_FLAGS],
    mmap: [[{ argument: 3, mask: MAP_TYPE, is: MAP_PRIVATE }], [{ argument: 3, mask: ~MAP_NORESERVE, is: MAP_SHARED }]],
  };
  if (kind === 'network stream') return { ...filed, ...CONNECTED, ...NETWORK };
  return kind === 'screen' ? { ...filed, ...CONNECTED, ...SCREEN } : filed;
}

/**
 * What every process needs that connects to others: its sockets, and the opening of files for reading, of which Landlock leaves it
 * those that it needs.
 */
const CONNECTED: SyscallPolicy = {
  connect: 'allow',
  shutdown: 'allow',
  sendto: 'allow',
  recvfrom: 'allow',
  sendmsg: 'allow',
  getsockname: 'allow',
  getpeername: 'allow',
  getsockopt: 'allow',
  setsockopt: 'allow',
  select: 'allow',
  pselect6: 'allow',
  ioctl: [FIONREAD, FIONBIO].map((is) => [{ argument: 1, is }]),
  openat: [[{ argument: 2, mask: O_ACCMODE | O_CREAT | O_TRUNC, is: 0 }]],
  newfstatat: 'allow',
  statx: 'allow',
};

/** What a stream of the network needs beside that. */
const NETWORK: SyscallPolicy = {
  socket: [AF_INET, AF_INET6].map((is) => [{ argument: 0, is }]),
  bind: 'allow',
  listen: 'allow',
  accept: 'allow',
  accept4: 'allow',
  sendmmsg: 'allow',
  recvmmsg: 'allow',
  epoll_create1: 'allow',
};

/** What a screen needs: the socket of its X server. */
const SCREEN: SyscallPolicy = { socket: [[{ argument: 0, is: AF_UNIX }]] };
