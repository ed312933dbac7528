// SPDX-License-Identifier: Apache-2.0
/** A child that first says 1, then does as its argument says. */
import { writeSync } from 'node:fs';
import { ParentLink } from '../parent-link.ts';

const [, , behaviour = ''] = process.argv;
const link = new ParentLink((message) => {
  if (behaviour === 'echo') link.send(message);
});
link.send([1]);
link.exchange(false);
while (behaviour === 'flood') {
  link.send([2]);
  link.exchange(false);
}
const line = Buffer.alloc(65_536, 'x');
while (behaviour === 'chatter') {
  try {
    writeSync(2, line);
  } catch (error) {
    // Full: it does not block.
    if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
  }
}
// Not for ever: a test that is ended from outside leaves it behind.
if (behaviour === 'deaf') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 600_000);
for (;;) link.exchange(true);
