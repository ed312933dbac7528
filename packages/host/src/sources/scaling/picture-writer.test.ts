// SPDX-License-Identifier: Apache-2.0
import { beforeAll, describe, expect, it } from 'vitest';
import { type Av, type AvFrame, loadAv } from '../../av/node-av.ts';
import { PictureWriter } from './picture-writer.ts';

const WIDTH = 64;
const HEIGHT = 32;
const FIRST = 40;
const SLOPE = 2.5;
/** FFmpeg's numbers: AVCOL_SPC_BT709, AVCHROMA_LOC_*, AVCOL_RANGE_* */
const BT709 = 1;
const UNSAID = 0;
const LEFT = 1;
const CENTRE = 2;
const LIMITED = 1;
const FULL = 2;
const SQUARE = { num: 1, den: 1 };

let av: Av;
beforeAll(async () => {
  av = await loadAv();
});

/** A grey frame whose U rises by SLOPE for each luma sample, from FIRST at the first one; chroma lies where `location` says. */
function ramp(format: string, location: number, range: number): AvFrame {
  const frame = new av.Frame();
  frame.alloc();
  frame.width = WIDTH;
  frame.height = HEIGHT;
  frame.format = av.avGetPixFmtFromName(format);
  frame.colorRange = range as AvFrame['colorRange'];
  frame.colorSpace = BT709 as AvFrame['colorSpace'];
  frame.chromaLocation = location as AvFrame['chromaLocation'];
  expect(frame.getBuffer()).toBeGreaterThanOrEqual(0);
  const deep = format.includes('10');
  const right = location === CENTRE ? 0.5 : 0;
  // Of full range the numbers are spread, so that they are FIRST and SLOPE in limited range.
  const stored = (value: number): number => (range === FULL ? 128 + ((value - 128) * 255) / 224 : value);
  frame.data?.slice(0, 3).forEach((plane, i) => {
    const rows = i > 0 && !format.includes('422') ? HEIGHT / 2 : HEIGHT;
    const columns = i > 0 ? WIDTH / 2 : WIDTH;
    for (let y = 0; y < rows; y += 1) {
      for (let x = 0; x < columns; x += 1) {
        const value = i === 0 ? 128 : stored(FIRST + SLOPE * (2 * x + right));
        const at = y * (frame.linesize[i] ?? 0);
        if (deep) plane.writeUInt16LE(Math.round(value * 4), at + 2 * x);
        else plane[at + x] = Math.round(value);
      }
    }
  });
  return frame;
}

/** Converts to NV12 of a width, and answers by how many of the source's luma samples U has moved to the left, in the mean. */
function shift(source: AvFrame, width: number): number {
  const height = width / 2;
  const slot = new Uint8Array(width * height * 2);
  const plane = { buffer: 0, stride: width, lineBytes: width };
  const colours = [
    { ...plane, offset: 0, rows: height },
    { ...plane, offset: width * height, rows: height / 2 },
  ];
  using writer = new PictureWriter(av, {
    format: 'nv12',
    width,
    height,
    fullRange: false,
    matrix: BT709,
    fit: 'stretch',
    colours,
  });
  expect(writer.write(source, [slot], SQUARE)).toBe(true);
  const row = slot.subarray(width * height + (height / 4) * width);
  let sum = 0;
  const [from, to] = [width / 8, (3 * width) / 8];
  for (let i = from; i < to; i += 1) {
    // The left of two luma samples, in those of the source.
    const at = ((2 * i + 0.5) * WIDTH) / width - 0.5;
    sum += ((row[2 * i] ?? 0) - FIRST) / SLOPE - at;
  }
  return sum / (to - from);
}

describe('pictures of a film', () => {
  it.each([
    ['yuv420p', LEFT, LIMITED],
    ['yuv420p', UNSAID, LIMITED],
    ['yuv420p10le', LEFT, LIMITED],
    ['yuv420p10le', UNSAID, LIMITED],
    ['yuv422p', LEFT, LIMITED],
    ['yuv422p10le', LEFT, LIMITED],
    ['yuv420p', LEFT, FULL],
    ['yuvj420p', CENTRE, FULL],
    ['yuvj422p', CENTRE, FULL],
  ])('keep their colours where they are, at every size: %s, chroma location %i, range %i', (format, location, range) => {
    for (const width of [64, 96, 32]) {
      using source = ramp(format, location, range);
      // A quarter of a chroma sample is half a luma sample. Numbers are rounded down here and there.
      expect(Math.abs(shift(source, width)), `at ${width}`).toBeLessThan(0.3);
    }
  });

  it.each([
    ['Display P3', 12, 13, 1],
    ['PQ', 9, 16, 9],
    ['HLG', 9, 18, 9],
  ])('of %s keep their primaries: no table is made to map them', (_name, primaries, transfer, matrix) => {
    const convert = (tagged: boolean): Uint8Array => {
      using source = ramp('yuv420p', LEFT, LIMITED);
      source.colorSpace = matrix as AvFrame['colorSpace'];
      if (tagged) {
        source.colorPrimaries = primaries as AvFrame['colorPrimaries'];
        source.colorTrc = transfer as AvFrame['colorTrc'];
      }
      const slot = new Uint8Array(3 * WIDTH * HEIGHT);
      const colours = [{ buffer: 0, offset: 0, stride: 3 * WIDTH, rows: HEIGHT, lineBytes: 3 * WIDTH }];
      using writer = new PictureWriter(av, {
        format: 'rgb24',
        width: WIDTH,
        height: HEIGHT,
        fullRange: true,
        matrix: BT709,
        fit: 'stretch',
        colours,
      });
      expect(writer.write(source, [slot], SQUARE)).toBe(true);
      return slot;
    };
    expect(convert(true)).toEqual(convert(false));
  });
});
