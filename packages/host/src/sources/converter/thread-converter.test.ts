// SPDX-License-Identifier: Apache-2.0
import {
  type Frame,
  type PictureLayout,
  type PlaneStorage,
  pictureLayout,
  V4L2_FIELD_NONE,
  V4L2_PIX_FMT_GREY,
  V4L2_PIX_FMT_RGB24,
} from '@paravideo/core';
import { converterSuite } from '@paravideo/core/conformance';
import { describe, expect, it } from 'vitest';
import { Backoff } from '../../isolation/child/index.ts';
import { mappingsOf, viewAt } from '../../sys/index.ts';
import { FramePool } from '../frame-pool.ts';
import { ThreadConverter } from './thread-converter.ts';

const GREY = pictureLayout(V4L2_PIX_FMT_GREY, 32, 16) as PictureLayout;
const RGB = pictureLayout(V4L2_PIX_FMT_RGB24, 32, 16) as PictureLayout;
const COLOURS = { colorspace: 0, ycbcrEnc: 0, quantization: 0, xferFunc: 0 };

const frameOf = (plane: PlaneStorage, sequence = 3): Frame => ({
  sequence,
  timestamp: 1000 * sequence,
  field: V4L2_FIELD_NONE,
  planes: [plane],
  retain: () => {},
  release: () => {},
});
const bytes = (value: number): PlaneStorage => ({ kind: 'bytes', bytes: new Uint8Array(32 * 16).fill(value) });

/** The first byte of a picture. */
function first(planes: readonly PlaneStorage[] | undefined): number | undefined {
  const [plane] = planes ?? [];
  return plane?.kind === 'address' ? viewAt(plane.address, plane.length)[0] : plane?.bytes[0];
}

describe('ThreadConverter is a Converter', () => {
  const fixture = () => {
    const converter = new ThreadConverter();
    return {
      converter,
      step: async () => {},
      read: (plane: PlaneStorage) => (plane.kind === 'bytes' ? plane.bytes : viewAt(plane.address, plane.length)),
      close: () => converter[Symbol.asyncDispose](),
    };
  };
  for (const each of converterSuite(fixture)) it(each.title, each.run);
});

describe('the converting thread', () => {
  it('makes pictures of frames in this heap and outside it, in order, and leaves no memory mapped', async () => {
    const before = mappingsOf('paravideo-converted');
    await using converter = new ThreadConverter();
    const conversion = converter.open(GREY, RGB, COLOURS, 90);
    const pool = FramePool.create('converter-test', GREY, 1);
    const slot = pool.take();
    const [plane] = slot?.planes ?? [];
    if (slot === undefined || plane === undefined) expect.unreachable('a new pool has a slot');
    viewAt(plane.address, plane.length).fill(235);
    // A view of a part of a buffer, as well.
    const part: PlaneStorage = { kind: 'bytes', bytes: new Uint8Array(32 * 17).fill(16).subarray(32) };
    const made = await Promise.all([
      conversion.convert(frameOf({ kind: 'address', ...plane })),
      conversion.convert(frameOf(part, 4)),
    ]);
    expect(made.map((picture) => [picture?.sequence, picture?.timestamp, first(picture?.planes)])).toEqual([
      [3, 3000, 255],
      [4, 4000, 0],
    ]);
    expect(mappingsOf('paravideo-converted')).toBe(before + 1);
    conversion.close();
    for (const picture of made) picture?.release();
    slot.abandon();
    pool.close();
    await expect.poll(() => mappingsOf('paravideo-converted')).toBe(before);
  });

  it('makes none while there is no memory for one, and then again', async () => {
    await using converter = new ThreadConverter();
    const conversion = converter.open(GREY, RGB, COLOURS, 90);
    const all = await Promise.all(Array.from({ length: 9 }, () => conversion.convert(frameOf(bytes(16)))));
    expect(all.map((picture) => picture !== undefined)).toEqual([...Array(8).fill(true), false]);
    all[0]?.release();
    expect(await conversion.convert(frameOf(bytes(16)))).toBeDefined();
    conversion.close();
  });

  it('is replaced when it dies, and the next makes pictures of the same layouts', async () => {
    const told: string[] = [];
    const log = { debug: () => {}, error: () => {}, warn: () => void told.push('died'), info: () => void told.push('works') };
    await using converter = new ThreadConverter({ log, backoff: new Backoff(), worker: './testing/mortal-converter' });
    const conversion = converter.open(GREY, RGB, COLOURS, 90);
    expect(await conversion.convert(frameOf(bytes(16)))).toBeDefined();
    // The thread of this test dies of a frame without planes.
    expect(await conversion.convert({ ...frameOf(bytes(0)), planes: [] })).toBeUndefined();
    await expect.poll(() => conversion.convert(frameOf(bytes(16)))).toBeDefined();
    expect(told).toEqual(['died', 'works']);
    conversion.close();
  });
});
