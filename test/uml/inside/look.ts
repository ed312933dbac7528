// SPDX-License-Identifier: Apache-2.0
/**
 * For User-mode Linux: `node look.ts SOCKET FRAMES` films at the socket of a camera that somebody else serves, as soon as it has something
 * to show, in the format that it has when nobody asks for anything, and says in a line of JSON what came.
 */
import { createHash } from 'node:crypto';
import { CaptureClient, MediaDriver } from '../../../packages/core/src/index.ts';
import { connectFrontend } from '../../../packages/host/src/frontend/index.ts';
import { patiently } from './filming.ts';

const [socket = '', count = ''] = process.argv.slice(2);

const transport = await patiently(() => connectFrontend(socket));
const client = await CaptureClient.open(await MediaDriver.attach(transport));
await patiently(async () => {
  await client.stop();
  await client.configure({});
  await client.start();
});
const pictures = new Set<string>();
let frames = 0;
let damaged = 0;
for (; frames < Number(count); frames++) {
  const { planes, error } = await client.next();
  if (error) damaged += 1;
  pictures.add(planes.map((plane) => createHash('md5').update(plane).digest('hex')).join());
}
await client.close();
await transport.close();
console.log(JSON.stringify({ frames, damaged, pictures: pictures.size }));
