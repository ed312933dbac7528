// SPDX-License-Identifier: Apache-2.0
/**
 * A guest that behaves, over and over: KIND (camera or decoder), SOCKET, TRANSPORT and SEED. It connects, films or decodes, checks every
 * frame or picture, goes and comes again. For each line on standard input it does one round and answers with a line of JSON; it
 * ends with its standard input.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import {
  CaptureClient,
  type MediaDriver,
  StatefulDecoderClient,
  timestampOf,
  V4L2_PIX_FMT_NV12,
  V4L2_PIX_FMT_YUV420,
  V4L2_PIX_FMT_YUYV,
} from '@paravideo/core';
import { Random } from '@paravideo/core/testing';
import { CODED_FORMATS, openCodedFile, withGuest } from '../../packages/host/src/cli/demo/index.ts';
import { pictureMd5, toI420 } from '../../packages/host/src/cli/demo/picture.ts';
import type { SocketTransport } from '../../packages/host/src/frontend/index.ts';

/** What came of a round. */
export interface Round {
  /** frames or pictures that were right */
  readonly right: number;
  /** what was wrong, one line each */
  readonly faults: readonly string[];
}

const FIXTURES = fileURLToPath(new URL('../../packages/host/fixtures/', import.meta.url));
/** Streams whose pictures are whole from the first to the last. */
const STREAMS = readdirSync(FIXTURES).filter((name) =>
  /^(h264-b-|h264-resized|hevc|vp8|vp9-resized|av1|mpeg2|mjpeg\.).*(?<!\.md5)$/.test(name),
);
const SIZES = [
  [320, 240],
  [640, 480],
  [1280, 720],
] as const;

async function film(driver: MediaDriver, random: Random): Promise<Round> {
  const client = await CaptureClient.open(driver, { memory: random.once(2) ? 'mmap' : 'shared-pages' });
  const faults: string[] = [];
  const [width, height] = random.pick(SIZES);
  const pixelformat = random.pick([V4L2_PIX_FMT_NV12, V4L2_PIX_FMT_YUV420, V4L2_PIX_FMT_YUYV]);
  const { layout } = await client.configure({ width, height, pixelformat, interval: { numerator: 1, denominator: 30 } });
  if (layout.width !== width || layout.height !== height || layout.fourcc !== pixelformat)
    faults.push('another format than asked for');
  await client.start();
  const frames = 5 + random.below(40);
  let sequence = -1;
  for (let i = 0; i < frames; i++) {
    const frame = await client.next();
    if (frame.error) faults.push(`frame ${i} has the error flag`);
    if (frame.sequence <= sequence) faults.push(`sequence ${frame.sequence} after ${sequence}`);
    // the pattern has a black and a white bar: a frame of one value was never written
    const luma = frame.planes[0] ?? new Uint8Array(0);
    if (luma.every((value) => value === luma[0])) faults.push(`frame ${i} is of one value`);
    sequence = frame.sequence;
  }
  await client.stop();
  await client.close();
  return { right: faults.length === 0 ? frames : 0, faults };
}

async function decode(driver: MediaDriver, random: Random): Promise<Round> {
  const name = random.pick(STREAMS);
  const expected = readFileSync(join(FIXTURES, `${name}.md5`), 'latin1')
    .trim()
    .split('\n');
  await using file = await openCodedFile(join(FIXTURES, name));
  const memory = random.once(2) ? 'mmap' : 'shared-pages';
  const client = await StatefulDecoderClient.open(driver, {
    coded: CODED_FORMATS[file.codec],
    output: random.pick([V4L2_PIX_FMT_NV12, V4L2_PIX_FMT_YUV420]),
    memory,
    inputMemory: memory,
  });
  const chunks: { bytes: Uint8Array; timestamp: Uint8Array }[] = [];
  for await (const { bytes } of file.units()) chunks.push({ bytes, timestamp: timestampOf(chunks.length) });
  const sums: string[] = [];
  for await (const picture of client.decode(chunks)) sums.push(pictureMd5(toI420(picture)));
  await client.close();
  const wrong =
    sums.length === expected.length ? sums.findIndex((sum, i) => sum !== expected[i]) : Math.min(sums.length, expected.length);
  return wrong < 0
    ? { right: sums.length, faults: [] }
    : { right: 0, faults: [`${name}: ${sums.length} pictures of ${expected.length}, differs from ${wrong}`] };
}

const [kind, socket = '', transport, seed] = process.argv.slice(2);
const random = new Random(Number(seed));
const round = kind === 'decoder' ? decode : film;
process.stdout.write('ready\n');
for await (const _ of createInterface(process.stdin)) {
  const result = await withGuest(socket, (driver) => round(driver, random), transport as SocketTransport).catch(
    (error: unknown): Round => ({ right: 0, faults: [String(error)] }),
  );
  process.stdout.write(`${JSON.stringify(result)}\n`);
}
process.exit(0);
