// SPDX-License-Identifier: Apache-2.0
/**
 * For User-mode Linux: `node look.ts SOCKET FRAMES` films at the socket of a camera that somebody else serves, as soon as it has something
 * to show, in the format that it has when nobody asks for anything, and says in a line of JSON what came.
 */
import { createHash } from 'node:crypto';
import { CaptureClient, MediaDriver, type PictureFormat } from '../../../packages/core/src/index.ts';
import { connectFrontend } from '../../../packages/host/src/frontend/index.ts';
import { patiently } from './filming.ts';

const [socket = '', count = ''] = process.argv.slice(2);

const transport = await patiently(() => connectFrontend(socket));
const client = await CaptureClient.open(await MediaDriver.attach(transport));
/** Films from the start of a stream; undefined if it ended, as it does when the source says only then what its pictures are. */
async function film(): Promise<Set<string> | undefined> {
  const pictures = new Set<string>();
  for (let i = 0; i < Number(count); i++) {
    const { planes, error } = await client.next();
    if (error) return undefined;
    pictures.add(planes.map((plane) => createHash('md5').update(plane).digest('hex')).join());
  }
  return pictures;
}

const begin = (): Promise<PictureFormat> =>
  patiently(async () => {
    await client.stop();
    const format = await client.configure({});
    await client.start();
    return format;
  });

const { layout } = await begin();
let pictures = await film();
if (pictures === undefined) {
  // It may end for that reason alone, and once: the pictures are others now.
  const other = (await begin()).layout;
  if (JSON.stringify(other) === JSON.stringify(layout)) throw new Error('a stream ended, though its pictures are the same');
  pictures = await film();
}
if (pictures === undefined) throw new Error('a stream ended in the middle');
await client.close();
await transport.close();
console.log(JSON.stringify({ pictures: pictures.size }));
