// SPDX-License-Identifier: Apache-2.0
/** A thread that closes descriptors and does nothing else: it may wait for ever over one. */

import { serveThread } from '../../isolation/worker/index.ts';
import { Fd } from '../../sys/index.ts';

serveThread<number, number>((number, post) => {
  Fd.adopt(number).close();
  post(number);
});
