// SPDX-License-Identifier: Apache-2.0
/** A guest that streams 1080p at 30 frames a second from the camera at the socket named, until its standard input ends. */
import { CaptureClient, MediaDriver, V4L2_PIX_FMT_NV12 } from '@paravideo/core';
import { connectFrontend } from '../../frontend/index.ts';

const transport = await connectFrontend(process.argv[2] ?? '');
const driver = await MediaDriver.attach(transport);
const client = await CaptureClient.open(driver);
await client.configure({
  width: 1920,
  height: 1080,
  pixelformat: V4L2_PIX_FMT_NV12,
  interval: { numerator: 1, denominator: 30 },
});
await client.start();
await client.next();
let streaming = true;
process.stdin
  .on('end', () => {
    streaming = false;
  })
  .resume();
process.stdout.write('ready\n');
while (streaming) await client.next();
await client.close();
await driver.detach();
await transport.close();
