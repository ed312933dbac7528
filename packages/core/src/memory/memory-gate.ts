// SPDX-License-Identifier: Apache-2.0
/**
 * Whether a device may touch the memory of its guest now. While the gate is closed nothing is read or written: what began before
 * is waited for, what comes meanwhile waits, or is given up when the guest's driver starts anew.
 *
 *     open --close--> closing --last job ended--> closed
 *       ^                |                          |
 *       \-----------------------reopen--------------/
 */

interface GateWaiter {
  readonly job: () => Promise<boolean>;
  readonly answer: (done: boolean | Promise<boolean>) => void;
}

/** One for each guest. A job answers whether it did what it was asked for, and does not reject. */
export class MemoryGate {
  readonly #running = new Set<Promise<unknown>>();
  #waiting: GateWaiter[] = [];
  #open = true;

  /** True if guest memory may be touched. */
  get open(): boolean {
    return this.#open;
  }

  /** Runs a job that touches guest memory, now or when the gate is open again. False if it was given up. */
  enter(job: () => Promise<boolean>): Promise<boolean> {
    if (this.#open) return this.#run(job);
    return new Promise((answer) => this.#waiting.push({ job, answer }));
  }

  /** Lets nothing in any more; resolves when what was in has ended. */
  close(): Promise<void> {
    this.#open = false;
    return this.ended() ?? Promise.resolve();
  }

  /** Lets jobs in again, those that waited first. */
  reopen(): void {
    if (this.#open) return;
    this.#open = true;
    for (const { job, answer } of this.#waiting.splice(0)) answer(this.#run(job));
  }

  /** Answers false to the jobs that wait: nobody is there any more for whom they were meant. */
  giveUp(): void {
    for (const { answer } of this.#waiting.splice(0)) answer(false);
  }

  /** Resolves when the jobs that run now have ended; undefined if there are none. */
  ended(): Promise<void> | undefined {
    return this.#running.size === 0 ? undefined : Promise.allSettled(this.#running).then(() => {});
  }

  #run(job: () => Promise<boolean>): Promise<boolean> {
    const running = job();
    this.#running.add(running);
    const over = (): void => void this.#running.delete(running);
    running.then(over, over);
    return running;
  }
}
