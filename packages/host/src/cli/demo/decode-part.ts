// SPDX-License-Identifier: Apache-2.0
/** The decoding half of the demo: a file through the virtual decoder, picture by picture against the reference. */
import {
  type CodecId,
  type CodedChunk,
  type MediaDriver,
  StatefulDecoderClient,
  timestampMicros,
  timestampOf,
  V4L2_PIX_FMT_AV1,
  V4L2_PIX_FMT_H264,
  V4L2_PIX_FMT_HEVC,
  V4L2_PIX_FMT_MJPEG,
  V4L2_PIX_FMT_MPEG2,
  V4L2_PIX_FMT_VP8,
  V4L2_PIX_FMT_VP9,
} from '@paravideo/core';
import type { CodedFile } from './coded-file.ts';
import { ContactSheet } from './contact-sheet.ts';
import { pictureMd5, toI420 } from './picture.ts';
import type { ReferenceDecode } from './reference.ts';
import type { RgbaImage } from './rgb.ts';

/** V4L2's number for each coded format. */
export const CODED_FORMATS: Readonly<Record<Exclude<CodecId, 'toy'>, number>> = {
  h264: V4L2_PIX_FMT_H264,
  hevc: V4L2_PIX_FMT_HEVC,
  vp8: V4L2_PIX_FMT_VP8,
  vp9: V4L2_PIX_FMT_VP9,
  av1: V4L2_PIX_FMT_AV1,
  mpeg2: V4L2_PIX_FMT_MPEG2,
  mjpeg: V4L2_PIX_FMT_MJPEG,
};

/** What the decoding half found. */
export interface DecodeResult {
  readonly codec: string;
  /** coded units sent */
  readonly units: number;
  /** visible sizes in the order in which they came */
  readonly sizes: readonly string[];
  /** pictures that came out, and those of them that are the reference's, bit by bit and at the same place */
  readonly pictures: number;
  readonly equal: number;
  readonly referencePictures: number;
  /** place of the first picture that differs, is missing or is too many */
  readonly firstDifference: number | undefined;
  /** pictures that the device marked as damaged */
  readonly damaged: number;
  /** pictures with a timestamp that no coded unit had */
  readonly strayTimestamps: number;
  readonly seconds: number;
  readonly sheet: RgbaImage | undefined;
}

/** No picture came for a long time. */
export class DecodeStalled extends Error {
  override readonly name = 'DecodeStalled';
}

/** The longest time without a picture, in milliseconds, before the demo calls it a stall. */
const STALL = 30_000;
/** Microseconds between the timestamps of coded units: one that no rate has, so that the device cannot have made them up. */
const TICK = 34_567;

/** Decodes a file and compares it. `progress` is told of each picture. Throws `DecodeStalled`. */
export async function runDecode(
  driver: MediaDriver,
  file: CodedFile,
  reference: ReferenceDecode,
  progress: () => void,
): Promise<DecodeResult> {
  const memory = driver.transport.sharedLength > 0 ? 'mmap' : 'shared-pages';
  const coded = CODED_FORMATS[file.codec];
  const client = await StatefulDecoderClient.open(driver, { coded, memory, inputMemory: memory, inputSize: 2 << 20 });
  const watchdog = new Watchdog(STALL);
  try {
    return await watchdog.guard(
      compare(client, file, reference, () => {
        watchdog.feed();
        progress();
      }),
    );
  } finally {
    watchdog.stop();
    await client.close();
  }
}

async function compare(
  client: StatefulDecoderClient,
  file: CodedFile,
  reference: ReferenceDecode,
  progress: () => void,
): Promise<DecodeResult> {
  const sent = { units: 0, hidden: new Set<number>() };
  const sheet = new ContactSheet();
  const sizes: string[] = [];
  let [pictures, equal, damaged, strayTimestamps] = [0, 0, 0, 0];
  let firstDifference: number | undefined;
  const started = performance.now();
  for await (const picture of client.decode(chunks(file, sent))) {
    if (picture.error) damaged += 1;
    // an input of which nothing could be made comes back as an empty buffer: a message, not a picture
    if (picture.planes.every((plane) => plane.length === 0)) continue;
    const micros = timestampMicros(picture.timestamp);
    if (micros % TICK !== 0 || micros / TICK >= sent.units) strayTimestamps += 1;
    // the player that the edit list is for does not show it either
    if (sent.hidden.has(micros / TICK)) continue;
    const shown = toI420(picture);
    const size = `${shown.width}x${shown.height}`;
    if (sizes.at(-1) !== size) sizes.push(size);
    const same = pictureMd5(shown) === reference.pictures[pictures]?.md5;
    if (same) equal += 1;
    else firstDifference ??= pictures;
    sheet.add(pictures, shown);
    pictures += 1;
    progress();
  }
  if (pictures < reference.pictures.length) firstDifference ??= pictures;
  return {
    codec: file.codec,
    units: sent.units,
    sizes,
    pictures,
    equal,
    referencePictures: reference.pictures.length,
    firstDifference,
    damaged,
    strayTimestamps,
    seconds: (performance.now() - started) / 1000,
    sheet: sheet.render(),
  };
}

async function* chunks(file: CodedFile, sent: { units: number; readonly hidden: Set<number> }): AsyncGenerator<CodedChunk, void> {
  for await (const { bytes, hidden } of file.units()) {
    if (hidden) sent.hidden.add(sent.units);
    yield { bytes, timestamp: timestampOf(sent.units * TICK) };
    sent.units += 1;
  }
}

/** Gives up on work that shows no sign of life. */
class Watchdog {
  readonly #millis: number;
  readonly #bark = Promise.withResolvers<never>();
  #timer: NodeJS.Timeout | undefined;

  constructor(millis: number) {
    this.#millis = millis;
    this.#bark.promise.catch(() => {});
    this.feed();
  }

  feed(): void {
    clearTimeout(this.#timer);
    const error = new DecodeStalled(`the decoder stalled: no picture for ${this.#millis / 1000} s`);
    this.#timer = setTimeout(() => this.#bark.reject(error), this.#millis);
  }

  guard<T>(work: Promise<T>): Promise<T> {
    return Promise.race([work, this.#bark.promise]);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}
