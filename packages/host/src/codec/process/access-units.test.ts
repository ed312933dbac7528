// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { VideoCodec } from '../../av/index.ts';
import { splitterFor } from './access-units.ts';

const nal = (...bytes: number[]): number[] => [0, 0, 0, 1, ...bytes];
const buffer = (...parts: number[][]): Buffer => Buffer.from(parts.flat());
const SPS = nal(0x67, 1, 2);
const PPS = nal(0x68, 3);
const SEI = nal(0x06, 9);
const IDR = nal(0x65, 0x88, 1, 1);
const SLICE = nal(0x41, 0x9a, 7);
const MORE = nal(0x41, 0x23, 8);

describe('the cutting of H.264 (ITU-T H.264 7.4.1.2.3)', () => {
  it('keeps the slices of a picture, and the headers before it, together', () => {
    const units = splitterFor('h264').push(5, buffer(SPS, PPS, IDR, MORE, SEI, SLICE, SLICE, MORE), false);
    expect(units.understood).toBe(true);
    expect(units.units).toEqual([
      { id: 5, bytes: buffer(SPS, PPS, IDR, MORE), entry: true },
      { id: 5, bytes: buffer(SEI, SLICE), entry: false },
      { id: 5, bytes: buffer(SLICE, MORE), entry: false },
    ]);
  });

  it('gives headers without a picture to the next one, also after a reset', () => {
    const splitter = splitterFor('h264');
    expect(splitter.push(1, buffer(SPS, PPS), false)).toEqual({ units: [], understood: true });
    splitter.reset();
    expect(splitter.push(2, buffer(IDR), false).units).toEqual([{ id: 2, bytes: buffer(SPS, PPS, IDR), entry: true }]);
    expect(splitter.push(3, buffer(SLICE), false).units).toEqual([{ id: 3, bytes: buffer(SLICE), entry: false }]);
  });

  it('keeps the end of a full buffer, and names the input in which a picture began', () => {
    const splitter = splitterFor('h264');
    const all = buffer(SPS, IDR, SLICE);
    expect(splitter.push(1, all.subarray(0, 10), true).units).toEqual([]);
    expect(splitter.push(2, all.subarray(10), true).units).toEqual([{ id: 1, bytes: buffer(SPS, IDR), entry: true }]);
    expect(splitter.push(3, buffer(SLICE), true).units).toEqual([{ id: 2, bytes: buffer(SLICE), entry: false }]);
    expect(splitter.flush()).toEqual([{ id: 3, bytes: buffer(SLICE), entry: false }]);
    expect(splitter.flush()).toEqual([]);
    splitter.push(4, buffer(SLICE), true);
    splitter.reset();
    expect(splitter.flush()).toEqual([]);
  });

  it('refuses data without a start code', () => {
    expect(splitterFor('h264').push(1, Buffer.alloc(100, 7), false)).toEqual({ units: [], understood: false });
  });
});

describe('the cutting of other codecs', () => {
  it('knows the pictures of HEVC by their first slice segment, and suffixes from prefixes', () => {
    const first = nal(0x02, 0x01, 0x80);
    const more = nal(0x02, 0x01, 0x10);
    const prefix = nal(0x4e, 0x01, 1);
    const suffix = nal(0x50, 0x01, 2);
    const { units } = splitterFor('hevc').push(1, buffer(prefix, first, more, suffix, first, prefix, first), false);
    expect(units.map(({ bytes }) => bytes)).toEqual([buffer(prefix, first, more, suffix), buffer(first), buffer(prefix, first)]);
  });

  it('keeps two fields of MPEG-2 in one unit', () => {
    const picture = [0, 0, 1, 0x00, 1, 2];
    const coding = (structure: number): number[] => [0, 0, 1, 0xb5, 0x81, 0x11, 0x10 | structure, 0];
    const slice = [0, 0, 1, 0x01, 5];
    const frame = [...picture, ...coding(3), ...slice];
    const field = (structure: number): number[] => [...picture, ...coding(structure), ...slice];
    const { units } = splitterFor('mpeg2').push(1, buffer(frame, field(1), field(2), frame), false);
    expect(units.map(({ bytes }) => bytes)).toEqual([buffer(frame), buffer(field(1), field(2)), buffer(frame)]);
  });

  it('finds the end of a JPEG image behind previews and restarts', () => {
    const preview = [0xff, 0xe1, 0, 8, 0xff, 0xd8, 0xff, 0xd9, 1, 2];
    const scan = [0xff, 0xda, 0, 2, 1, 0xff, 0, 2, 0xff, 0xd3, 3];
    const image = [0xff, 0xd8, ...preview, ...scan, 0xff, 0xd9];
    const { units } = splitterFor('mjpeg').push(1, buffer([4], image, [0, 0], image), false);
    expect(units.map(({ bytes }) => bytes)).toEqual([buffer(image), buffer(image)]);
    expect(splitterFor('mjpeg').push(1, Buffer.alloc(40, 1), false).understood).toBe(false);
  });

  it.each(['vp8', 'vp9', 'av1'] as const)('takes an input of %s for one unit', (codec) => {
    expect(splitterFor(codec).push(3, Buffer.from([1, 2]), true).units).toEqual([{ id: 3, bytes: Buffer.from([1, 2]) }]);
  });
});

describe('the cutting of a stream in pieces', () => {
  it.each([
    ['h264', 'h264-interlaced.h264'],
    ['hevc', 'hevc-b-frames.h265'],
    ['mpeg2', 'mpeg2-interlaced.m2v'],
    ['mjpeg', 'mjpeg.mjpeg'],
  ] as const)('gives the units of %s that it gives in one piece', (codec: VideoCodec, name) => {
    const file = readFileSync(fileURLToPath(new URL(`../../../fixtures/${name}`, import.meta.url)));
    const whole = splitterFor(codec)
      .push(0, file, false)
      .units.map(({ bytes }) => bytes);
    expect(Buffer.concat(whole).equals(file)).toBe(true);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: file.length - 1 }), { maxLength: 30 }), (cuts) => {
        const splitter = splitterFor(codec);
        const ends = [...new Set(cuts)].sort((a, b) => a - b);
        const starts = [0, ...ends];
        const units = starts.flatMap((start, i) => [
          ...splitter.push(i, file.subarray(start, ends[i] ?? file.length), true).units,
        ]);
        units.push(...splitter.flush());
        expect(units.map(({ bytes }) => bytes)).toEqual(whole);
        let at = 0;
        for (const { id, bytes } of units) {
          // The input that holds the unit's first byte.
          expect(starts.findLastIndex((start) => start <= at)).toBe(id);
          at += bytes.length;
        }
      }),
      { numRuns: 60 },
    );
  });

  it('survives any bytes', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('h264', 'hevc', 'mpeg2', 'mjpeg' as const),
        fc.array(fc.tuple(fc.uint8Array({ maxLength: 60 }), fc.boolean())),
        (codec, inputs) => {
          const splitter = splitterFor(codec as VideoCodec);
          const total = inputs.reduce((sum, [bytes]) => sum + bytes.length, 0);
          let out = 0;
          for (const [i, [bytes, mayContinue]] of inputs.entries()) {
            const sparse = Buffer.from(bytes.map((byte) => (byte < 150 ? byte & 1 : byte)));
            for (const unit of splitter.push(i, sparse, mayContinue).units) out += unit.bytes.length;
          }
          for (const unit of splitter.flush()) out += unit.bytes.length;
          expect(out).toBeLessThanOrEqual(total);
        },
      ),
    );
  });
});
