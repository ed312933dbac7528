// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from 'vitest';
import { codedSize, fourcc } from '../picture/index.ts';
import type { DecoderCapability, StreamFormat } from '../ports/index.ts';
import { DecoderParameters, MIN_CODED_BUFFER, type StreamCodec, sameResolution } from './decoder-parameters.ts';
import { StreamError } from './stream-error.ts';

const NV12 = fourcc('NV12');
const YU12 = fourcc('YU12');
const ONE = fourcc('ONE1');
const TWO = fourcc('TWO2');
const LIMIT = 2 << 20;

function codec(coded: number, outputs: number[], maxWidth = 1920): StreamCodec {
  const capability: DecoderCapability = { codec: 'toy', minWidth: 16, minHeight: 16, maxWidth, maxHeight: 1088, outputs };
  return { fourcc: coded, capability, rawFormats: outputs };
}

const stream = (codedWidth: number, codedHeight: number): StreamFormat => ({
  codedWidth,
  codedHeight,
  visible: { left: 0, top: 0, width: codedWidth, height: codedHeight },
  colorimetry: { colorspace: 3, ycbcrEnc: 0, quantization: 0, xferFunc: 0 },
  minBuffers: 2,
  pixelAspect: { numerator: 1, denominator: 1 },
  field: 1,
});

const make = (): DecoderParameters<StreamCodec> =>
  new DecoderParameters([codec(ONE, [NV12, YU12]), codec(TWO, [YU12], 640)], LIMIT);

const asked = { fourcc: ONE, width: 320, height: 240, sizeImage: 0 };

describe('the parameters of a decoder', () => {
  test('name the codec that is asked for, or else the present one, and a size within its limits', () => {
    const p = make();
    p.setCoded({ ...asked, fourcc: TWO, width: 5000, height: 1 });
    expect([p.codec.fourcc, p.coded.fourcc, p.coded.width, p.coded.height]).toEqual([TWO, TWO, 640, 16]);
    p.setCoded({ ...asked, fourcc: fourcc('NONE') });
    expect([p.codec.fourcc, p.coded.width, p.coded.height]).toEqual([TWO, 320, 240]);
  });

  test('tell the nearest format without setting it', () => {
    const p = make();
    const before = [p.codec, p.coded, p.raw];
    expect(p.nearestCoded({ ...asked, fourcc: TWO }).fourcc).toBe(TWO);
    expect(p.nearestRaw(YU12).fourcc).toBe(YU12);
    expect([p.codec, p.coded, p.raw]).toEqual(before);
  });

  test('give a coded buffer room for a picture, or the size that is asked for within the limits', () => {
    const p = make();
    const bytes = (sizeImage: number): number | undefined =>
      p.nearestCoded({ ...asked, width: 1280, height: 720, sizeImage }).sizes[0];
    expect([bytes(0), bytes(1), bytes(100_000), bytes(2 ** 31)]).toEqual([
      codedSize(1280, 720),
      MIN_CODED_BUFFER,
      100_000,
      LIMIT,
    ]);
  });

  test('give pictures the coded size in whole macroblocks, in a format that the codec has', () => {
    const p = make();
    p.setCoded({ ...asked, width: 321, height: 241 });
    expect([p.raw.fourcc, p.raw.width, p.raw.height]).toEqual([NV12, 336, 256]);
    p.setRaw(YU12);
    expect(p.raw.fourcc).toBe(YU12);
    p.setRaw(fourcc('NONE'));
    expect(p.raw.fourcc).toBe(NV12);
    p.setCoded({ ...asked, fourcc: TWO });
    expect(p.raw.fourcc).toBe(YU12);
  });

  test('follow the stream on both sides, and forget it when the coded side is set', () => {
    const p = make();
    p.setRaw(YU12);
    expect(p.layoutFor(stream(175, 143))).toMatchObject({ fourcc: YU12, width: 176, height: 144 });
    expect(p.stream).toBeUndefined();
    p.follow(stream(175, 143));
    expect([p.coded.width, p.coded.height, p.raw.width, p.raw.height]).toEqual([175, 143, 176, 144]);
    p.forget();
    expect([p.stream, p.raw.width]).toEqual([undefined, 176]);
    p.follow(stream(175, 143));
    p.setCoded(asked);
    expect([p.stream, p.raw.width]).toEqual([undefined, 320]);
  });

  test('have no layout for a stream beyond the limit of the codec or of a buffer', () => {
    const p = make();
    expect(p.layoutFor(stream(1921, 100))).toBeUndefined();
    expect(p.layoutFor(stream(100, 1089))).toBeUndefined();
    // As NV12 these are 3 MiB.
    expect(p.layoutFor(stream(1920, 1080))).toBeUndefined();
    expect(p.layoutFor(stream(800, 600))?.sizes[0]).toBeLessThan(LIMIT);
  });

  test('refuse a decoder without codecs, or with a format of which nothing is known', () => {
    expect(() => new DecoderParameters([], LIMIT)).toThrow(StreamError);
    expect(() => new DecoderParameters([codec(ONE, [fourcc('NONE')])], LIMIT)).toThrow(/no layout for format/);
  });

  test('tell another resolution by size, visible part and least number of buffers, not by colours', () => {
    const one = stream(64, 48);
    const moved = { ...one.visible, left: 2 };
    expect(sameResolution(one, { ...one, colorimetry: { ...one.colorimetry, colorspace: 1 } })).toBe(true);
    expect(
      [stream(80, 48), stream(64, 64), { ...one, minBuffers: 3 }, { ...one, visible: moved }].map((other) =>
        sameResolution(one, other),
      ),
    ).toEqual(Array(4).fill(false));
  });
});
