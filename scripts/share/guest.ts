// SPDX-License-Identifier: Apache-2.0
/**
 * A guest that films: `node guest.ts SOCKET [HOLD]` takes every frame as it comes, or holds each for HOLD milliseconds before it gives its
 * buffer back. Says "ready" when it has frames; a line with a number has it count over as many intervals, and answer with a line of JSON.
 */
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { CaptureClient, type ClientFrame, MediaDriver } from '@paravideo/core';
import { connectFrontend } from '../../packages/host/src/frontend/index.ts';
import { FPS, PICTURE } from './rate.ts';

/** What came over a number of intervals of the source. */
export interface Filmed {
  readonly frames: number;
  /** that did not come, or came damaged */
  readonly lost: number;
}

/** Counts from the first frame that it sees, by the times at which frames were taken: a source that stands still is found out, too. */
class Count {
  readonly #intervals: number;
  readonly #told: (filmed: Filmed) => void;
  #first: number | undefined;
  #frames = 0;

  constructor(intervals: number, told: (filmed: Filmed) => void) {
    this.#intervals = intervals;
    this.#told = told;
  }

  /** True when it has counted to its end, which is half an interval before the frame that is too much. */
  take({ timestamp, error }: ClientFrame): boolean {
    this.#first ??= timestamp;
    const over = (timestamp - this.#first) * FPS > (this.#intervals - 0.5) * 1e6;
    if (over) this.#told({ frames: this.#frames, lost: this.#intervals - this.#frames });
    else if (!error) this.#frames++;
    return over;
  }
}

const [socket = '', hold = '0'] = process.argv.slice(2);
const driver = await MediaDriver.attach(await connectFrontend(socket));
const client = await CaptureClient.open(driver);
await client.configure({ ...PICTURE, interval: { numerator: 1, denominator: FPS } });
await client.start();
for (let i = 0; i < 10; i++) await client.next();
process.stdout.write('ready\n');

let count: Count | undefined;
createInterface(process.stdin)
  .on('line', (line) => {
    count = new Count(Number(line), (filmed) => process.stdout.write(`${JSON.stringify(filmed)}\n`));
  })
  .on('close', () => process.exit(0));
for await (const frame of client) {
  if (count?.take(frame)) count = undefined;
  if (hold !== '0') await pause(Number(hold));
}
