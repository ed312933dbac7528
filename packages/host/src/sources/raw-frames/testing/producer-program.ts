// SPDX-License-Identifier: Apache-2.0
/**
 * A program that makes frames, as anybody may write one: `node producer-program.ts WHERE HOW WIDTHxHEIGHT MILLISECONDS [COUNT [MARK]]`. WHERE is
 * `-`, `fifo:PATH` or `socket:PATH`; HOW is `y4m`, `frames`, `garbage`, or `half` for a frame that breaks off. A byte of a frame is
 * its number. After COUNT frames it ends; with 0 milliseconds it writes as fast as it is read. MARK is
 * only for whoever looks for it among all processes.
 */
import { createWriteStream } from 'node:fs';
import { connect } from 'node:net';
import type { Writable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';

const [where = '-', how = 'y4m', size = '64x48', every = '10', count = 'Infinity'] = process.argv.slice(2);
const [width = 0, height = 0] = size.split('x').map(Number);
const bytes = (width * height * 3) / 2;

function opened(): Writable {
  if (where === '-') return process.stdout;
  const path = where.replace(/^\w+:/, '');
  return where.startsWith('fifo:') ? createWriteStream(path) : connect(path);
}

function header(): Buffer {
  const head = Buffer.alloc(40);
  head.write('PVFR', 0);
  head.write('YU12', 8);
  for (const [i, word] of [1, 0, width, height, 1, 30, bytes].entries()) if (i !== 1) head.writeUInt32LE(word, 4 + 4 * i);
  return head;
}

const out = opened().on('error', () => process.exit(3));
const write = async (part: Buffer | string): Promise<void> => {
  if (!out.write(part)) await new Promise((resolve) => out.once('drain', resolve));
};

if (how === 'garbage') await write('this is no picture at all\n');
if (how === 'y4m' || how === 'half') await write(`YUV4MPEG2 W${width} H${height} F30:1 Ip C420jpeg\n`);
for (let i = 0; i < Number(count); i++) {
  await write(how === 'frames' ? header() : 'FRAME\n');
  const frame = Buffer.alloc(bytes, i);
  await write(how === 'half' ? frame.subarray(0, bytes / 2) : frame);
  if (how === 'half') await pause(2 ** 30);
  if (Number(every) > 0) await pause(Number(every));
}
out.end();
