// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type PictureLayout, pictureLayout, V4L2_PIX_FMT_YUV420 } from '@paravideo/core';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { loadAv, type VideoCodec } from '../../av/index.ts';
import type { CodecReport } from '../codec-messages.ts';
import { codedUnits } from '../testing/streams.ts';
import { splitterFor } from './access-units.ts';
import { StreamDecoder } from './stream-decoder.ts';

const av = await loadAv();
const fixture = (name: string): Buffer => readFileSync(fileURLToPath(new URL(`../../../fixtures/${name}`, import.meta.url)));

afterEach(() => vi.restoreAllMocks());

/** Decodes a file; how often a picture was cropped to find its visible part, and the formats and pictures that came. */
function decode(codec: VideoCodec, name: string): { crops: number; formats: CodecReport[]; pictures: number } {
  const applied = vi.spyOn(av.Frame.prototype, 'applyCropping');
  const inputs = codedUnits(codec, fixture(name));
  const formats: CodecReport[] = [];
  let [pictures, drained] = [0, false];
  let layout: PictureLayout | undefined;
  const targets = (ids: number[]): void => {
    for (const id of ids) stream.supply({ id, memory: layout?.sizes.map((size) => new Uint8Array(size)) ?? [] });
  };
  const report = (it: CodecReport): void => {
    if (it.kind === 'picture') {
      pictures += 1;
      targets([it.targetId]);
    } else if (it.kind === 'format') {
      formats.push(it);
      layout = pictureLayout(V4L2_PIX_FMT_YUV420, it.codedWidth, it.codedHeight);
      if (layout !== undefined) stream.setOutput(it.serial, layout);
      if (formats.length === 1) targets([0, 1, 2, 3]);
    } else if (it.kind === 'drained') drained = true;
  };
  using stream = new StreamDecoder(1, codec, 1, { av, bytes: (offset) => inputs[offset] ?? Buffer.alloc(0), report });
  inputs.forEach(({ length }, id) => {
    stream.push({ kind: 'data', id, offset: id, length, mayContinue: false });
  });
  stream.push({ kind: 'drain' });
  while (stream.step());
  expect(drained).toBe(true);
  return { crops: applied.mock.calls.length, formats, pictures };
}

describe('the cropping of pictures', () => {
  it.each([
    ['h264', 'h264-cropped.h264'],
    ['h264', 'h264-b-frames.h264'],
    ['hevc', 'hevc-b-frames.h265'],
  ] as const)('of %s in %s is found once, not for each picture, while the sequence headers stay the same', (codec, name) => {
    const { crops, pictures } = decode(codec, name);
    expect(pictures).toBeGreaterThanOrEqual(8);
    // Once for the first unit alone, once for the first picture; each time for the size and for the corner.
    expect(crops).toBeLessThanOrEqual(4);
  });

  it('is found for each picture once the sequence headers have changed', () => {
    const { crops, formats, pictures } = decode('h264', 'h264-crop-moves.h264');
    expect(formats.length).toBe(3);
    expect(crops).toBeGreaterThanOrEqual(pictures);
  });
});

describe('sequence headers', () => {
  const nal = (...bytes: number[]): number[] => [0, 0, 0, 1, ...bytes];
  const slices = { h264: nal(0x65, 0x88, 1, 1), hevc: nal(0x26, 0x01, 0x80) };
  const sps = { h264: [0x67], hevc: [0x42, 0x01] };

  it.each(['h264', 'hevc'] as const)('of %s are steady while each is as the first, also in several inputs', (codec) => {
    const splitter = splitterFor(codec);
    const push = (bytes: number[]): boolean => {
      splitter.push(1, Buffer.from(bytes), true);
      return splitter.steady;
    };
    const header = (last: number): number[] => nal(...sps[codec], 7, 9, last);
    const unit = [...header(1), ...slices[codec]];
    expect(push([...unit, ...unit])).toBe(true);
    for (const byte of [...unit, ...slices[codec]]) expect(push([byte])).toBe(true);
    splitter.reset();
    expect(push([...header(2), ...slices[codec]])).toBe(false);
    // Which of the two a picture has is the decoder's business.
    expect(push([...unit, ...unit])).toBe(false);
  });

  it.each(['h264', 'hevc'] as const)('of %s that are endless are not kept, and not taken for steady', (codec) => {
    const splitter = splitterFor(codec);
    splitter.push(1, Buffer.from([...nal(...sps[codec], ...new Array<number>(5000).fill(7)), ...slices[codec]]), false);
    expect(splitter.steady).toBe(false);
  });

  it.each(['mpeg2', 'mjpeg', 'vp8', 'vp9', 'av1'] as const)('of %s are never taken for steady', (codec) => {
    expect(splitterFor(codec).steady).toBe(false);
  });
});
