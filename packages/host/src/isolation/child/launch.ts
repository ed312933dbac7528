// SPDX-License-Identifier: Apache-2.0
import { type ChildProcess, spawn } from 'node:child_process';
import { Socket } from 'node:net';
import { type Fd, setBlocking, socketpair } from '../../sys/index.ts';
import type { CgroupLeaf } from './cgroup-leaf.ts';
import { findTools, inNamespaces, type Namespace, needsMap, writeMaps } from './namespaces.ts';

/**
 * Copies of more bytes than this go past the processor's caches. A picture is larger than what a cache has for it, its
 * reader is another process, and what it would push out belongs to the decoder. glibc decides by the size of the cache
 * that the processor reports, which a virtual one may overstate by far. Where there is no glibc nobody reads it.
 */
const CACHED_COPY_BYTES = 256 * 1024;

const ENVIRONMENT = {
  // Rings of io_uring would reach files and sockets past the system call filter.
  UV_USE_IO_URING: '0',
  GLIBC_TUNABLES: `glibc.cpu.x86_non_temporal_threshold=${CACHED_COPY_BYTES}`,
};

/** What a child has of its own. */
export interface ChildSurroundings {
  readonly namespaces: readonly Namespace[];
  readonly cgroup: CgroupLeaf | undefined;
}

/** What a start can come to, later, beside the end of the process. */
export interface LaunchEvents {
  /** There is no process. */
  failed(error: Error): void;
  /** There is one, and it waits for ever for a part that it cannot be given. */
  broken(error: Error): void;
}

/** A child process that runs, or will as soon as its namespaces are made. */
export interface LaunchedChild {
  readonly process: ChildProcess;
  /** our end of its socket; the caller's from now on */
  readonly link: number;
  readonly stderr: Socket;
}

/**
 * Starts Node in namespaces and a cgroup of its own, with a socket and the descriptors given. Undefined if the system has nothing left for
 * it (descriptors, processes, memory), whichever way Node says so: it throws, or tells later; `failed` is called later in any
 * case. The sockets are made here, since Node forgets those that it made itself where descriptors run out.
 */
export function launch(
  args: readonly string[],
  given: readonly number[],
  { namespaces, cgroup }: ChildSurroundings,
  events: LaunchEvents,
): LaunchedChild | undefined {
  using ends = new DisposableStack();
  const pair = (): [Fd, Fd] => socketpair().map((fd) => ends.use(fd)) as [Fd, Fd];
  try {
    const [link, childLink] = pair();
    const [stderr, childStderr] = pair();
    const gate = needsMap(namespaces) ? pair() : undefined;
    // A child without an event loop waits in read.
    for (const fd of [childLink, childStderr, gate?.[1]]) if (fd !== undefined) setBlocking(fd);
    const program = [process.execPath, ...args];
    const apart = inNamespaces(namespaces, gate !== undefined, program);
    const [command = '', ...rest] = cgroup === undefined ? apart : cgroup.inside(findTools(), apart);
    const started = spawn(command, rest, {
      cwd: '/',
      env: ENVIRONMENT,
      stdio: [gate?.[1].number ?? 'ignore', 'ignore', childStderr.number, childLink.number, ...given],
    });
    started.on('error', (error) => events.failed(error));
    const { pid } = started;
    if (pid === undefined) return undefined;
    if (gate !== undefined) openGate(new Socket({ fd: gate[0].take() }), pid, (error) => events.broken(error));
    return { process: started, link: link.take(), stderr: new Socket({ fd: stderr.take() }) };
  } catch (error) {
    setImmediate(() => events.failed(error instanceof Error ? error : new TypeError(String(error))));
    return undefined;
  }
}

/** Writes the map of a process's user namespace as soon as it is there. */
function openGate(gate: Socket, pid: number, broken: (error: Error) => void): void {
  // A process that ends before tells by its end.
  gate.on('error', () => {});
  gate.once('data', () => {
    try {
      writeMaps(pid);
      gate.end('go\n', () => gate.destroy());
    } catch (error) {
      gate.destroy();
      broken(error as Error);
    }
  });
}
