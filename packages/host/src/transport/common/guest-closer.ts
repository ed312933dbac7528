// SPDX-License-Identifier: Apache-2.0
import { closesAtOnce, endReceiving, Fd, type FdCloser } from '../../sys/index.ts';
import { closeElsewhere } from './closing-threads.ts';

/** Descriptors of one front-end that may wait to be closed; while there are more, nothing more is taken from it. */
const MAX_CLOSING = 64;

/**
 * Closes the descriptors that one front-end gave us: those that close at once here, others one after another in a thread, since the
 * front-end decides how long that takes. `settled` keeps its place at the socket until then, which bounds threads and descriptors.
 */
export class GuestCloser implements FdCloser {
  #waiting: number[] = [];
  #settled: Promise<void> | undefined;

  /** True while so many descriptors are not closed yet that the front-end has to wait. */
  get full(): boolean {
    return this.#waiting.length >= MAX_CLOSING;
  }

  close(number: number): void {
    const fd = Fd.adopt(number);
    if (closesAtOnce(fd)) fd.close();
    else this.#later(fd.take());
  }

  /** Closes a connection with this front-end, with what it may still hold. */
  closeConnection(fd: Fd): void {
    if (!fd.open) return;
    const own = Fd.adopt(fd.take());
    if (endReceiving(own)) own.close();
    else this.#later(own.take());
  }

  /** Resolves when everything is closed. */
  async settled(): Promise<void> {
    while (this.#settled !== undefined) await this.#settled;
  }

  #later(number: number): void {
    this.#waiting.push(number);
    this.#settled ??= this.#work().finally(() => {
      this.#settled = undefined;
    });
  }

  async #work(): Promise<void> {
    for (let [next] = this.#waiting; next !== undefined; [next] = this.#waiting) {
      await closeElsewhere(next);
      this.#waiting.shift();
    }
  }
}
