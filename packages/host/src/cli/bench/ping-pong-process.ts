// SPDX-License-Identifier: Apache-2.0
/** Answers doorbell 3 with doorbell 4: the least that any round trip between two event loops can cost. */
import { drain, Fd, signal, watch } from '../../sys/index.ts';

const question = Fd.adopt(3);
const answer = Fd.adopt(4);
const watching = watch(question, () => {
  drain(question);
  signal(answer);
});
process.stdin.on('end', () => watching[Symbol.dispose]()).resume();
process.stdout.write('ready\n');
