// SPDX-License-Identifier: Apache-2.0
import { parentPort } from 'node:worker_threads';
import { ThreadError } from './thread-error.ts';

/** The message that ends a thread, after everything that was sent before it. */
export const END = 'end';

/**
 * The whole life of a worker thread, called once by its module: hands each message of the `WorkerThread` that started it to
 * `handle`, in order, until it is told to end. What `handle` throws ends the thread. Throws ThreadError outside a worker thread.
 */
export function serveThread<In, Out>(handle: (message: In, post: (answer: Out) => void) => void): void {
  const port = parentPort;
  if (port === null) throw new ThreadError('this module is the body of a worker thread: start it through WorkerThread');
  const post = (answer: Out): void => port.postMessage(answer);
  port.on('message', (message: In | typeof END) => {
    if (message === END) port.close();
    else handle(message as In, post);
  });
}
