// SPDX-License-Identifier: Apache-2.0
/** Mutated coded streams through the decoder of a guest, and a good one beside them through another guest's. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import {
  IoctlError,
  type MediaDriver,
  StatefulDecoderClient,
  timestampOf,
  V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE,
  V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE,
  V4L2_PIX_FMT_YUV420,
} from '@paravideo/core';
import type { Random } from '@paravideo/core/testing';
import { CODED_FORMATS } from '../../packages/host/src/cli/demo/decode-part.ts';
import { pictureMd5, toI420 } from '../../packages/host/src/cli/demo/picture.ts';
import { codedUnits } from '../../packages/host/src/codec/testing/streams.ts';
import { FuzzError } from './fuzz-error.ts';
import { Loans } from './loans.ts';
import { mutated, mutatedUnits } from './mutation.ts';

/** The streams that are mutated, by codec. */
const FIXTURES = {
  h264: ['h264-b-frames.h264', 'h264-cropped.h264', 'h264-interlaced.h264', 'h264-resized.h264', 'h264-paff.h264'],
  hevc: ['hevc-b-frames.h265'],
  vp8: ['vp8-odd.ivf'],
  vp9: ['vp9-resized.ivf', 'vp9-layers.ivf'],
  av1: ['av1.ivf'],
  mpeg2: ['mpeg2-interlaced.m2v'],
  mjpeg: ['mjpeg.mjpeg', 'mjpeg-limited.mjpeg'],
} as const;

/** A codec whose streams are mutated. */
export type FuzzedCodec = keyof typeof FIXTURES;
export const FUZZED_CODECS = Object.keys(FIXTURES) as readonly FuzzedCodec[];

/** How a mutated stream ended: to its end, with an errno of the device (EIO where its codec died), or before it began. */
export type Ending = { readonly kind: 'ended'; readonly pictures: number } | { readonly kind: 'errno'; readonly errno: number };

/** Most units of a stream that are sent. */
const UNITS = 12;
/** Milliseconds without a sign of life after which something hangs. */
const STALL = 60_000;

const path = (name: string): string => fileURLToPath(new URL(`../../packages/host/fixtures/${name}`, import.meta.url));
const cut = new Map<string, readonly Buffer[]>();

function unitsOf(codec: FuzzedCodec, name: string): readonly Buffer[] {
  const known = cut.get(name) ?? codedUnits(codec, readFileSync(path(name))).slice(0, UNITS);
  cut.set(name, known);
  return known;
}

/** Decodes one mutated stream of a codec. Throws `FuzzError` for what must not be. */
export async function fuzzStream(driver: MediaDriver, codec: FuzzedCodec, random: Random): Promise<Ending> {
  const name = random.pick(FIXTURES[codec]);
  const units = unitsOf(codec, name);
  const raw = !name.endsWith('.ivf') && random.once(2);
  const chunks = raw ? [mutated(Buffer.concat(units), random)] : mutatedUnits(units, random);
  const inputSize = random.pick([4096, 16_384, 1 << 20]);
  return guarded(decodeOne(driver, codec, chunks, inputSize), `a mutated ${name}`);
}

async function decodeOne(
  driver: MediaDriver,
  codec: FuzzedCodec,
  chunks: readonly Uint8Array[],
  inputSize: number,
): Promise<Ending> {
  const coded = CODED_FORMATS[codec];
  const client = await StatefulDecoderClient.open(driver, { coded, inputSize, inputBuffers: 4, extraOutputs: 2 });
  using loans = new Loans(driver, client.session);
  let ending: Ending;
  let pictures = 0;
  try {
    for await (const picture of client.decode(chunks.map((bytes, i) => ({ bytes, timestamp: timestampOf(i * 1000) })))) {
      // The guest's program looks at what it got.
      if (picture.planes.some((plane) => plane.length > 0)) pictures += 1;
    }
    ending = { kind: 'ended', pictures };
  } catch (error) {
    if (!(error instanceof IoctlError)) throw error;
    ending = { kind: 'errno', errno: error.errno };
  }
  if (ending.kind === 'ended') await comeBack(loans, V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE);
  loans.check();
  for (const type of [V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE, V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE]) {
    const { surplus } = client.session.queue(type);
    if (surplus > 0) throw new FuzzError(`${surplus} buffers of queue ${type} came back that the device did not have`);
  }
  await client.close();
  loans.check();
  return ending;
}

async function comeBack(loans: Loans, type: number): Promise<void> {
  for (const began = performance.now(); loans.out(type) > 0; ) {
    if (performance.now() - began > STALL / 2)
      throw new FuzzError(`${loans.out(type)} coded buffers did not come back after the end`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Decodes a good stream. Throws `FuzzError` if a picture is not what it should be. */
export async function goodStream(driver: MediaDriver): Promise<void> {
  const name = 'h264-b-frames.h264';
  const sums = readFileSync(path(`${name}.md5`), 'latin1')
    .trim()
    .split('\n');
  const play = async (): Promise<string[]> => {
    const client = await StatefulDecoderClient.open(driver, { coded: CODED_FORMATS.h264, output: V4L2_PIX_FMT_YUV420 });
    const got: string[] = [];
    const chunks = codedUnits('h264', readFileSync(path(name))).map((bytes, i) => ({ bytes, timestamp: timestampOf(i * 1000) }));
    for await (const picture of client.decode(chunks)) got.push(picture.error ? 'damaged' : pictureMd5(toI420(picture)));
    await client.close();
    return got;
  };
  const got = await guarded(play(), 'the neighbour');
  const equal = got.filter((sum, i) => sum === sums[i]).length;
  if (equal !== sums.length || got.length !== sums.length)
    throw new FuzzError(`the neighbour got ${equal} of ${sums.length} pictures right, and ${got.length} in all`);
}

/** Fails where something takes for ever. */
export async function guarded<T>(work: Promise<T>, what: string): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new FuzzError(`${what} hangs: no end in ${STALL / 1000} s`)), STALL);
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
