// SPDX-License-Identifier: Apache-2.0
/** A thread that copies memory by bare address. What it is told to touch stays mapped until it has answered. */

import { serveThread } from '../../isolation/worker/index.ts';
import { copyMemory, detach, viewAt } from '../../sys/index.ts';
import type { CopyAnswer, CopyJob, CopyRequest } from './worker-messages.ts';

/**
 * Bytes after which finished jobs are reported, though more of the batch are to come: two pictures of 1080p. A report wakes the event loop,
 * which costs a tenth of such a copy; the first picture waits half a millisecond for the second.
 */
const REPORT_BYTES = 6 << 20;

/** Does one job; the number of bytes copied. */
function run({ steps, heap }: CopyJob): number {
  let bytes = 0;
  for (let i = 0; i + 2 < steps.length; i += 3) {
    const length = steps[i + 2] as number;
    copyMemory(steps[i] as number, steps[i + 1] as number, length);
    bytes += length;
  }
  for (const part of heap ?? []) {
    let at = 0;
    for (const { address, length } of part.to) {
      const view = viewAt(address, length);
      view.set(part.bytes.subarray(at, at + length));
      detach(view);
      at += length;
    }
    bytes += at;
  }
  return bytes;
}

serveThread<CopyRequest, CopyAnswer>((jobs, post) => {
  let done: number[] = [];
  let bytes = 0;
  const report = (): void => {
    post(done);
    done = [];
    bytes = 0;
  };
  for (const job of jobs) {
    bytes += run(job);
    done.push(job.id);
    if (bytes >= REPORT_BYTES) report();
  }
  if (done.length > 0) report();
});
