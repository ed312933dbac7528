// SPDX-License-Identifier: Apache-2.0

import type { Log } from '../../log/index.ts';
import { Backoff } from '../child/backoff.ts';
import { WorkerThread } from './worker-thread.ts';

/** What becomes of a kept thread. None of these may throw. */
export interface KeptThreadOptions<In> {
  /** the worker's module, as for WorkerThread */
  readonly module: string;
  /** the caller's `import.meta.url` */
  readonly base: string;
  readonly name: string;
  /** where its deaths and returns are told */
  readonly log?: Log | undefined;
  readonly backoff?: Backoff | undefined;
  message(message: In): void;
  /** The thread is gone; what it had to do is lost. The next comes in `wait` ms; with 0 right after this returns. */
  died(reason: string, wait: number): void;
  /** The next thread is there, and knows nothing yet. Not called for the first. */
  restarted(): void;
}

/**
 * A worker thread that is kept alive: started at once, started again when it dies, for ever.
 *
 *   running --exit--> waiting --wait over--> running;   close from anywhere --> closed
 */
export class KeptThread<Out, In> {
  readonly #o: KeptThreadOptions<In>;
  readonly #backoff: Backoff;
  #thread: WorkerThread<Out, In>;
  #timer: NodeJS.Timeout | undefined;
  #deaths = 0;
  /** whether the thread that runs now has said something */
  #heard = false;

  constructor(o: KeptThreadOptions<In>) {
    this.#o = o;
    this.#backoff = o.backoff ?? new Backoff();
    this.#thread = this.#start();
  }

  /** Whether there is a thread: what is posted to none is lost. */
  get running(): boolean {
    return this.#thread.state === 'running';
  }

  /** Whether the process must stay alive for what this thread is doing. */
  set busy(busy: boolean) {
    this.#thread.busy = busy;
  }

  /** Sends a message, and gives the buffers in `transfer` away. */
  post(message: Out, transfer: readonly ArrayBuffer[] = []): void {
    this.#thread.post(message, transfer);
  }

  /** Ends it for good, after everything that was posted before. When it resolves, nothing runs in it any more. */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#thread.close();
  }

  #start(): WorkerThread<Out, In> {
    const { module, base, name } = this.#o;
    this.#backoff.started(performance.now());
    this.#heard = false;
    return new WorkerThread<Out, In>(module, base, name, {
      message: (message) => this.#hear(message),
      died: (reason) => this.#died(reason),
    });
  }

  #hear(message: In): void {
    if (!this.#heard && this.#deaths > 0) this.#o.log?.info({ thread: this.#o.name }, 'a worker thread works again');
    this.#heard = true;
    this.#o.message(message);
  }

  #died(reason: string): void {
    this.#deaths += 1;
    const wait = this.#backoff.died(performance.now());
    this.#o.log?.warn({ thread: this.#o.name, reason, restartIn: wait }, 'a worker thread died');
    this.#o.died(reason, wait);
    const restart = (): void => {
      this.#thread = this.#start();
      this.#o.restarted();
    };
    if (wait === 0) restart();
    else this.#timer = setTimeout(restart, wait).unref();
  }
}
