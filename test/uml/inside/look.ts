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
// A source that says only now what its pictures are ends a stream that began before: it begins anew.
const pictures = await patiently(async () => {
  await client.stop();
  await client.configure({});
  await client.start();
  const seen = new Set<string>();
  for (let i = 0; i < Number(count); i++) {
    const { planes, error } = await client.next();
    if (error) throw new Error('the stream has ended');
    seen.add(planes.map((plane) => createHash('md5').update(plane).digest('hex')).join());
  }
  return seen;
});
await client.close();
await transport.close();
console.log(JSON.stringify({ pictures: pictures.size }));
