// SPDX-License-Identifier: Apache-2.0
/**
 * Descriptors whose state is told of when it changes, and only then. A V4L2 node that does not stream is in a state of error all the time,
 * so that a watch of its state (`watch`) would call without end, or stop.
 */

import { Fd } from './fd.ts';
import { check, libc, pinnedAddress, retry } from './libc.ts';
import { watch } from './watch.ts';

const EPOLL_CLOEXEC = 0o2000000;
const EPOLL_CTL_ADD = 1;
const EPOLL_CTL_DEL = 2;
const EPOLLIN = 0x01;
const EPOLLPRI = 0x02;
const EPOLLOUT = 0x04;
const EPOLLHUP = 0x10;
const EPOLLET = 0x8000_0000;

// struct epoll_event is packed on x86-64 alone
const PACKED = process.arch === 'x64';
const EVENT_BYTES = PACKED ? 12 : 16;
const DATA_AT = PACKED ? 4 : 8;
/** Changes that are fetched at a time; the rest is fetched next. */
const BATCH = 16;

const events = new DataView(new ArrayBuffer(BATCH * EVENT_BYTES));
const eventsAddress = pinnedAddress(events.buffer);

/** What of a descriptor is told: `urgent` alone (events of V4L2), or that data can be read or written, too. */
export type EdgeInterest = 'urgent' | 'data';

/** See the top of the file. A thread has one of its own for many descriptors. */
export class EdgePoll implements Disposable {
  readonly #epoll: Fd = Fd.adopt(check(libc.epoll_create1(EPOLL_CLOEXEC), 'epoll_create1'));
  readonly #watching: Disposable;
  readonly #changed: (token: number, hungUp: boolean) => void;

  /** `changed` is called with the token of a descriptor on which something came up, or that was hung up. */
  constructor(changed: (token: number, hungUp: boolean) => void) {
    this.#changed = changed;
    this.#watching = watch(this.#epoll, () => this.#fetch());
  }

  /** Begins to listen; a descriptor is added once. `token` is any number below 2^32. Throws `SysError`. */
  add(fd: Fd, token: number, interest: EdgeInterest): void {
    const wanted = EPOLLET + EPOLLPRI + (interest === 'data' ? EPOLLIN + EPOLLOUT : 0);
    events.setUint32(0, wanted, true);
    events.setUint32(DATA_AT, token, true);
    events.setUint32(DATA_AT + 4, 0, true);
    check(libc.epoll_ctl(this.#epoll.number, EPOLL_CTL_ADD, fd.number, eventsAddress), 'epoll_ctl');
  }

  /** Ends it. A descriptor that is closed has to be removed before: another one may refer to the same file. */
  remove(fd: Fd): void {
    check(libc.epoll_ctl(this.#epoll.number, EPOLL_CTL_DEL, fd.number, eventsAddress), 'epoll_ctl');
  }

  [Symbol.dispose](): void {
    this.#watching[Symbol.dispose]();
    this.#epoll.close();
  }

  #fetch(): void {
    if (!this.#epoll.open) return;
    const count = retry(() => libc.epoll_wait(this.#epoll.number, eventsAddress, BATCH, 0));
    // Callees add and remove: that uses the same memory.
    const told = Array.from({ length: Math.max(0, count) }, (_, i) => ({
      token: events.getUint32(i * EVENT_BYTES + DATA_AT, true),
      hungUp: (events.getUint32(i * EVENT_BYTES, true) & EPOLLHUP) !== 0,
    }));
    for (const { token, hungUp } of told) this.#changed(token, hungUp);
  }
}
