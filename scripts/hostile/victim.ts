// SPDX-License-Identifier: Apache-2.0
/**
 * A guest that minds its own business: captures 720p30 and asks G_FMT every 2 ms. Measures for SECONDS when it is told so by a
 * line on standard input, and answers with a line of JSON; ends with its standard input.
 */

import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { CaptureClient, MediaDriver, V4L2_BUF_TYPE_VIDEO_CAPTURE, V4L2_PIX_FMT_NV12 } from '@paravideo/core';
import { percentile } from '../../packages/host/src/cli/demo/index.ts';
import { connectFrontend } from '../../packages/host/src/frontend/index.ts';

/** What a victim felt; milliseconds. */
export interface Felt {
  readonly samples: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  readonly frames: number;
  readonly lost: number;
}

const FPS = 30;

async function measure(client: CaptureClient, seconds: number): Promise<Felt> {
  const times: number[] = [];
  const end = performance.now() + 1000 * seconds;
  let frames = 0;
  let watching = true;
  const film = (async () => {
    await client.next();
    while (watching) {
      await client.next();
      if (watching) frames++;
    }
  })();
  while (performance.now() < end) {
    const start = performance.now();
    await client.session.gFmt(V4L2_BUF_TYPE_VIDEO_CAPTURE);
    times.push(performance.now() - start);
    await pause(2);
  }
  watching = false;
  // What came is counted, not what came late: a daemon that stood still has made frames that nobody saw.
  const lost = Math.max(0, Math.floor(seconds * FPS) - 1 - frames);
  await film;
  const p = (share: number): number => percentile(times, share);
  return { samples: times.length, p50: p(0.5), p99: p(0.99), max: p(1), frames, lost };
}

const transport = await connectFrontend(process.argv[2] ?? '');
const driver = await MediaDriver.attach(transport);
const client = await CaptureClient.open(driver);
await client.configure({
  width: 1280,
  height: 720,
  pixelformat: V4L2_PIX_FMT_NV12,
  interval: { numerator: 1, denominator: FPS },
});
await client.start();
for (let i = 0; i < 10; i++) await client.next();
process.stdout.write('ready\n');
for await (const line of createInterface(process.stdin)) {
  process.stdout.write(`${JSON.stringify(await measure(client, Number(line)))}\n`);
}
process.exit(0);
