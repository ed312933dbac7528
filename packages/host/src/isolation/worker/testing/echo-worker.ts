// SPDX-License-Identifier: Apache-2.0
/** A thread for tests: answers every message, and dies on demand. */
import { ThreadError } from '../thread-error.ts';
import { serveThread } from '../thread-main.ts';

serveThread<string, string>((text, post) => {
  if (text === 'die') throw new ThreadError('told to die');
  post(`${text}: echo`);
});
