// SPDX-License-Identifier: Apache-2.0
/**
 * A camera in a program of your own, in any language: `node examples/frames-producer.ts /run/pv/mine.sock` sends grey pictures that grow
 * lighter to a source `{ socket: /run/pv/mine.sock, format: frames }` (docs/RAW-FRAMES.md).
 */
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

const [width, height] = [320, 240];
const pixels = Buffer.alloc(width * height);

const header = Buffer.alloc(40);
header.write('PVFR', 0);
header.write('GREY', 8);
const words = { 4: 1, 12: width, 16: height, 20: 1, 24: 30, 28: pixels.length };
for (const [at, word] of Object.entries(words)) header.writeUInt32LE(word, Number(at));

const daemon = connect(process.argv[2] ?? '');
await once(daemon, 'connect');
for (let i = 0; ; i++) {
  pixels.fill(i);
  if (!daemon.write(Buffer.concat([header, pixels]))) await once(daemon, 'drain');
  await pause(1000 / 30);
}
