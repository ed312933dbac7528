// SPDX-License-Identifier: Apache-2.0
import { Worker } from 'node:worker_threads';
import { END } from './thread-main.ts';

/** What becomes of a worker thread's messages and of the thread. */
export interface WorkerThreadEvents<In> {
  message(message: In): void;
  /** The thread has ended without being asked to, or the system had none to give (called later then, not by the constructor): nothing runs in it any more, and no message follows. */
  died(reason: string): void;
}

/**
 * A worker thread with one owner.
 *
 * running --uncaught error or exit--> dead; running --close--> closed. Neither is left again: who wants another thread
 * starts another.
 *
 * The thread keeps the process alive only while its owner says that it is `busy`.
 */
export class WorkerThread<Out, In> {
  /** undefined if the system refused it */
  readonly #worker: Worker | undefined;
  readonly #ended: Promise<void>;
  #state: 'running' | 'dead' | 'closed' = 'running';
  #busy = true;

  /**
   * @param module the worker's module, which calls `serveThread`, *without* its extension, beside the caller: sources run as .ts, the build as .js
   * @param base the caller's `import.meta.url`
   */
  constructor(module: string, base: string, name: string, events: WorkerThreadEvents<In>) {
    let reason = '';
    const ended = Promise.withResolvers<void>();
    this.#ended = ended.promise;
    const died = (why: string): void => {
      ended.resolve();
      if (this.#state !== 'running') return;
      this.#state = 'dead';
      events.died(why);
    };
    let worker: Worker;
    try {
      worker = new Worker(new URL(`${module}${base.endsWith('.ts') ? '.ts' : '.js'}`, base), {
        name,
        // Flags of the parent (loaders, inspectors, test runners) are not for a thread that only moves pixels.
        execArgv: [],
        stdin: false,
      });
    } catch (error) {
      setImmediate(() => died(`worker thread ${name} could not be started: ${String(error)}`));
      return;
    }
    this.#worker = worker;
    worker.on('message', (message: In) => {
      if (this.#state === 'running') events.message(message);
    });
    worker.on('error', (error: unknown) => {
      reason = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    });
    worker.on('exit', (code) =>
      died(reason === '' ? `worker thread ${name} ended with code ${code}` : `worker thread ${name}: ${reason}`),
    );
    this.busy = false;
  }

  get state(): 'running' | 'dead' | 'closed' {
    return this.#state;
  }

  /** Whether the process must stay alive for what this thread is doing. */
  set busy(busy: boolean) {
    if (busy === this.#busy) return;
    this.#busy = busy;
    if (busy) this.#worker?.ref();
    else this.#worker?.unref();
  }

  /** Sends a message, and gives the buffers in `transfer` away; to a thread that has ended it is lost. */
  post(message: Out, transfer: readonly ArrayBuffer[] = []): void {
    if (this.#state === 'running') this.#worker?.postMessage(message, [...transfer]);
  }

  /**
   * Ends the thread after everything that was posted before. When it resolves, nothing runs in it any more. It is asked, not
   * terminated: a native module that is being loaded in a thread that gets terminated aborts the whole process.
   */
  async close(): Promise<void> {
    if (this.#state === 'running') {
      this.#worker?.postMessage(END);
      this.#state = 'closed';
      this.#worker?.ref();
    }
    await this.#ended;
  }
}
