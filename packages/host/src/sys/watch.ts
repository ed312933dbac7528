// SPDX-License-Identifier: Apache-2.0
/**
 * Descriptors on the event loop.
 *
 * koffi's poll handles need care, all of it taken here:
 * - they are collected when nobody references them: `live` does;
 * - an exception in their callback vanishes: it is caught and thrown again from a place where the process sees it;
 * - their callback runs outside Node's callback scope, so promises that it settled would wait for somebody else's turn:
 *   an immediate follows, in the same turn of the loop;
 * - polling what cannot be polled (a file, a memfd) aborts the process: each descriptor is tried on an epoll of our own first;
 * - `stop` after `close` crashes: only `close` is ever called, once;
 * - libuv refuses a descriptor that it polls already, and one that was closed under it is a bug: each watch polls a
 *   duplicate of its own, so that the order in which a watch and its descriptor are closed does not matter.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import koffi from 'koffi';
import { Fd } from './fd.ts';
import { check, libc, pinnedAddress } from './libc.ts';

const EPOLL_CLOEXEC = 0o2000000;
const EPOLL_CTL_ADD = 1;
const EPOLLIN = 1;

// struct epoll_event: 12 bytes on x86-64, 16 elsewhere; `events` comes first
const event = new Uint32Array(4);
const eventAddress = pinnedAddress(event.buffer);
event[0] = EPOLLIN;

/** Throws `SysError` (EPERM for files) if a descriptor cannot be polled. */
function mustBePollable(fd: Fd): void {
  using epoll = Fd.adopt(check(libc.epoll_create1(EPOLL_CLOEXEC), 'epoll_create1'));
  check(libc.epoll_ctl(epoll.number, EPOLL_CTL_ADD, fd.number, eventAddress), 'epoll_ctl', 'the descriptor cannot be watched');
}

const live = new Set<Watch>();
let turning = false;

function turn(): void {
  turning = false;
}

class Watch implements Disposable {
  readonly #fd: Fd;
  readonly #onReady: () => void;
  /** koffi calls from nowhere: what was carried along when the watch was made is put back */
  readonly #within = AsyncLocalStorage.snapshot();
  #handle: ReturnType<typeof koffi.node.poll> | undefined;

  constructor(fd: Fd, what: 'readable' | 'writable', onReady: () => void) {
    this.#fd = fd.dup();
    this.#onReady = onReady;
    try {
      mustBePollable(this.#fd);
      this.#handle = koffi.node.poll(this.#fd.number, { [what]: true }, () => this.#ready());
    } catch (error) {
      this.#fd.close();
      throw error;
    }
    live.add(this);
  }

  #ready(): void {
    if (this.#handle !== undefined) this.#within(this.#call);
  }

  readonly #call = (): void => {
    try {
      this.#onReady();
    } catch (error) {
      setImmediate(() => {
        throw error;
      });
    }
    if (turning) return;
    turning = true;
    setImmediate(turn);
  };

  [Symbol.dispose](): void {
    if (this.#handle === undefined) return;
    this.#handle.close();
    this.#handle = undefined;
    this.#fd.close();
    live.delete(this);
  }
}

// A loop that ends with open handles aborts the process (worker threads end theirs while others go on).
process.once('exit', () => {
  for (const watch of [...live]) watch[Symbol.dispose]();
});

/**
 * Calls `onReadable` whenever the descriptor can be read, is at its end or has failed; it must read, or it is called
 * again at once. What it throws becomes an uncaught exception. The watch keeps the event loop alive, works whether or
 * not `fd` is closed before it, and never calls back after it was disposed. Throws `SysError` if it cannot be polled.
 */
export function watch(fd: Fd, onReadable: () => void): Disposable {
  return new Watch(fd, 'readable', onReadable);
}

/** The same for a socket that has room again; the caller disposes the watch as soon as it has nothing to send. */
export function watchWritable(fd: Fd, onWritable: () => void): Disposable {
  return new Watch(fd, 'writable', onWritable);
}
