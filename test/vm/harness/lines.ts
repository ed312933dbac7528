// SPDX-License-Identifier: Apache-2.0
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';

/**
 * Calls `take` with each line of a stream, without its line feed. An error of the stream ends the lines and nothing else: readline
 * hands it on as an event of its own, which would end the process if nobody heard it. Who needs to know why it ended listens at the
 * stream.
 */
export function eachLine(input: Readable, take: (line: string) => void): void {
  createInterface({ input })
    .on('error', () => {})
    .on('line', take);
}
