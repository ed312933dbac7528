// SPDX-License-Identifier: Apache-2.0
/**
 * Takes commands from a queue, a bounded piece of work at a time, and carries their answers back, in any order.
 *
 * A wake-up ends after a number of commands or a time, whichever comes first; what is left comes after everybody else's
 * turn. A batch of answers makes one index update and at most one interrupt. A protocol that keeps the bytes of commands
 * that cannot be carried out yet says so (`keep`): beyond a number of bytes no further command is taken, so that they
 * wait in the driver's memory and not in ours, until some were answered.
 */
import type { Chain } from '../virtqueue/chain.ts';
import type { VirtQueue } from '../virtqueue/virt-queue.ts';
import type { BusyPolling } from './busy-polling.ts';

/** What one wake-up may cost, and what may wait. */
export interface CommandBudget {
  /** commands of one wake-up */
  readonly commands: number;
  /** milliseconds after which a wake-up takes no further command */
  readonly milliseconds: number;
  /** bytes of commands that were taken and wait: with more, none is taken */
  readonly waitingBytes: number;
}

/** What a `CommandLoop` is made of. */
export interface CommandLoopOptions {
  readonly queue: VirtQueue;
  readonly budget: CommandBudget;
  /** milliseconds, rising; what it counts from does not matter */
  readonly now: () => number;
  /** Carries a command out, now or later; `answer` ends it. Must not throw. */
  readonly command: (chain: Chain) => void;
  /** interrupts the driver */
  readonly notify: () => void;
  /** a batch begins: what comes up now is published at its end */
  readonly begin: () => void;
  /** a batch ends, before its answers are published: what went before them must be in its ring */
  readonly end: () => void;
  /** asks for a `resume` and another `run` soon: work was left, and no kick will tell of it */
  readonly again: () => void;
  /** when to wait for the next command by looking; left out, where the driver cannot go on meanwhile */
  readonly polling?: BusyPolling | undefined;
}

/** See the top of the file. */
export class CommandLoop {
  readonly #o: CommandLoopOptions;
  #idleWaiters: (() => void)[] = [];
  #unanswered = 0;
  #answered = 0;
  #batch = false;
  /** what waits for a turn within the budget, oldest first */
  #ready: (() => void)[] = [];
  /** bytes of commands that were taken and wait */
  #waitingBytes = 0;
  /** true from a `run` that left commands for want of room to the `again` that follows */
  #full = false;
  #epoch = 0;

  constructor(options: CommandLoopOptions) {
    this.#o = options;
  }

  /** commands answered since the loop was made */
  get answered(): number {
    return this.#answered;
  }

  /** bytes of commands that were taken and wait */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** One wake-up. True if there is more to do than one should: call again soon. */
  run(): boolean {
    const { queue, budget, polling } = this.#o;
    if (!queue.running || this.#batch) return false;
    const spent = this.#meter();
    polling?.began(queue, this.#o.now());
    let more = false;
    let looks = false;
    this.batch(() => {
      queue.disableNotifications();
      do {
        for (;;) {
          if (this.#waitingBytes >= budget.waitingBytes) {
            this.#full = true;
            return;
          }
          const chain = queue.pop();
          if (chain === undefined) break;
          this.#unanswered++;
          this.#o.command(chain);
          if (spent()) {
            more = true;
            return;
          }
        }
        // Who waits for an answer that comes later sends nothing until then.
        looks = this.#unanswered === 0 && polling?.worthwhile === true;
      } while (!looks && queue.enableNotifications());
    });
    if (looks && polling !== undefined) return this.#look(polling);
    polling?.ended(this.#o.now());
    return more;
  }

  /** Waits for a command, without a doorbell. True if there is one; it comes after everybody else's turn. */
  #look(polling: BusyPolling): boolean {
    const { queue, now } = this.#o;
    const start = now();
    let time = start;
    for (; time - start < polling.limit; time = now()) {
      if (!queue.waiting) continue;
      polling.ended(time, true);
      return true;
    }
    polling.ended(time, false);
    return queue.enableNotifications();
  }

  /** Goes on with commands that were postponed and may be carried out now; takes none from the ring. */
  resume(): void {
    if (this.#ready.length === 0 || this.#batch) return;
    const spent = this.#meter();
    this.batch(() => {
      for (let next = this.#ready.shift(); next !== undefined; next = this.#ready.shift()) {
        next();
        if (spent()) break;
      }
    });
    if (this.#ready.length > 0) this.#o.again();
  }

  /** Has `work` done by `resume`, soon, after what was given before it. */
  postpone(work: () => void): void {
    this.#ready.push(work);
    if (this.#ready.length === 1) this.#o.again();
  }

  /** Runs what answers commands outside `run`: events in order, one index update, one interrupt. */
  batch(work: () => void): void {
    if (this.#batch) return work();
    this.#batch = true;
    this.#o.begin();
    try {
      work();
    } finally {
      this.#batch = false;
      this.#o.end();
      if (this.#o.queue.running && this.#o.queue.flush()) this.#o.notify();
    }
  }

  /** Counts `bytes` of a command that has to wait; the answer is called when it waits no more. */
  keep(bytes: number): () => void {
    const epoch = this.#epoch;
    this.#waitingBytes += bytes;
    return () => {
      if (epoch !== this.#epoch) return;
      this.#waitingBytes -= bytes;
      if (!this.#full || this.#waitingBytes >= this.#o.budget.waitingBytes) return;
      this.#full = false;
      this.#o.again();
    };
  }

  /** Returns a chain with `written` bytes: the used length is what was written, exactly. */
  answer(chain: Chain, written: number): void {
    this.#answered++;
    this.#unanswered--;
    if (this.#o.queue.running) this.#o.queue.push(chain, written);
    if (this.#unanswered === 0) this.#wakeIdle();
  }

  /** Resolves when no command waits for its answer. */
  idle(): Promise<void> {
    if (this.#unanswered === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idleWaiters.push(resolve));
  }

  /** Forgets the commands that wait: they will not be answered. */
  reset(): void {
    this.#epoch++;
    this.#unanswered = 0;
    this.#waitingBytes = 0;
    this.#full = false;
    this.#ready = [];
    this.#wakeIdle();
  }

  /** A wake-up begins; the answer counts one more command each time, and says whether it was the last. */
  #meter(): () => boolean {
    const { budget, now } = this.#o;
    const end = now() + budget.milliseconds;
    let left = budget.commands;
    return () => --left === 0 || now() >= end;
  }

  #wakeIdle(): void {
    const waiters = this.#idleWaiters;
    this.#idleWaiters = [];
    for (const wake of waiters) wake();
  }
}
