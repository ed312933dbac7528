// SPDX-License-Identifier: Apache-2.0
/**
 * Answers doorbell 3 with doorbell 4 and blocks in between: the least that a round trip between two processes can cost. The
 * argument is the id of the process that started it, with which it ends.
 */
import { constants } from 'node:os';
import { Fd, setBlocking, setParentDeathSignal, signal, waitForRing } from '../../sys/index.ts';

setParentDeathSignal(constants.signals.SIGKILL);
if (process.ppid !== Number(process.argv[2])) process.exit();
const question = Fd.adopt(3);
const answer = Fd.adopt(4);
setBlocking(question);
process.stdout.write('ready\n', () => {
  for (;;) {
    waitForRing(question);
    signal(answer);
  }
});
