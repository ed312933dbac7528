// SPDX-License-Identifier: Apache-2.0
/** A thread for tests: answers every message, dies on demand, and loads the native module that real ones load. */
import '../../sys/index.ts';
import { ThreadError } from '../thread-error.ts';
import { serveThread } from '../thread-main.ts';

serveThread<string, string>((text, post) => {
  if (text === 'die') throw new ThreadError('told to die');
  post(`${text}: echo`);
});
