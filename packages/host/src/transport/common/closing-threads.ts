// SPDX-License-Identifier: Apache-2.0
/** Threads that close descriptors, each one at a time; as many as there are descriptors that are being closed. One is kept for a moment. */
import { WorkerThread } from '../../isolation/worker/index.ts';

/** Milliseconds until a thread is asked for again, where the system had none to give. */
const RETRY = 1000;

/** Milliseconds that a thread is kept for the next descriptor. */
const KEEP = 1000;

class ClosingThread {
  readonly #thread = new WorkerThread<number, number>('./closing-thread', import.meta.url, 'closing', {
    message: () => this.#answered(true),
    died: () => this.#answered(false),
  });
  #answered: (closed: boolean) => void = () => {};

  /** Closes a descriptor; false if the thread ended before it could. */
  close(number: number): Promise<boolean> {
    return new Promise((resolve) => {
      this.#answered = resolve;
      this.#thread.post(number);
    });
  }

  end(): void {
    void this.#thread.close();
  }
}

let idle: { readonly thread: ClosingThread; readonly timer: NodeJS.Timeout } | undefined;

function take(): ClosingThread {
  if (idle === undefined) return new ClosingThread();
  const { thread, timer } = idle;
  clearTimeout(timer);
  idle = undefined;
  return thread;
}

function keep(thread: ClosingThread): void {
  if (idle !== undefined) return thread.end();
  const timer = setTimeout(() => {
    idle = undefined;
    thread.end();
  }, KEEP);
  idle = { thread, timer: timer.unref() };
}

/** Closes a descriptor in another thread. Resolves when that is done; never, if it never ends. */
export async function closeElsewhere(number: number): Promise<void> {
  for (;;) {
    const thread = take();
    if (await thread.close(number)) return keep(thread);
    await new Promise((resolve) => setTimeout(resolve, RETRY));
  }
}
