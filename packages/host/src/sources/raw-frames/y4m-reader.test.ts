// SPDX-License-Identifier: Apache-2.0
import { fourccName } from '@paravideo/core';
import { describe, expect, it } from 'vitest';
import type { HeaderFound, HeaderReader } from './header-reader.ts';
import { ProducerFault } from './producer-fault.ts';
import { y4mFrame, y4mHeader } from './testing/streams.ts';
import { MAX_FRAME_LINE, MAX_STREAM_LINE, Y4mReader, y4mPicture } from './y4m-reader.ts';

const AT_25 = { numerator: 1, denominator: 25 };

/** Hands a reader no more than it wants, `most` bytes at a time; what it found, and the bytes that it took. */
function fed(reader: HeaderReader, bytes: Uint8Array, most = 1024): { found: HeaderFound[]; taken: number } {
  const found: HeaderFound[] = [];
  let taken = 0;
  while (taken < bytes.length) {
    const count = Math.min(reader.wants, most, bytes.length - taken);
    const one = reader.take(bytes.subarray(taken, taken + count));
    taken += count;
    if (one !== undefined) found.push(one);
    if (one?.kind === 'frame') break;
  }
  return { found, taken };
}

const picture = (line: string) => y4mPicture(`YUV4MPEG2 ${line}`, AT_25);

describe('a reader of YUV4MPEG2', () => {
  it.each([1, 3, 1024])('finds the picture and the frame, and takes no byte of the pixels, %i bytes at a time', (most) => {
    const reader = new Y4mReader(AT_25);
    const header = y4mHeader(32, 16);
    const stream = Buffer.concat([header, y4mFrame(new Uint8Array(768))]);
    const { found, taken } = fed(reader, stream, most);
    expect(found).toMatchObject([
      { kind: 'picture', picture: { width: 32, height: 16, interval: { numerator: 1, denominator: 30 } } },
      { kind: 'frame', bytes: 768, timestamp: 0 },
    ]);
    expect(taken).toBe(header.length + 6);
    expect(reader.half).toBe(false);
  });

  it('takes parameters of a frame, and frames one after another', () => {
    const reader = new Y4mReader(AT_25);
    fed(reader, y4mHeader(32, 16));
    for (const parameters of ['', ' Ipp', ' Xanything goes']) {
      expect(fed(reader, y4mFrame(new Uint8Array(1), parameters)).found).toHaveLength(1);
    }
  });

  it.each([
    ['W32 H16', 'YU12', 768],
    ['W32 H16 C420', 'YU12', 768],
    ['W32 H16 C420paldv', 'YU12', 768],
    ['W32 H16 C420mpeg2 XYSCSS=420MPEG2', 'YU12', 768],
    ['W33 H17 C420jpeg', 'YU12', 33 * 17 + 2 * 17 * 9],
    ['W33 H17 C422', '422P', 33 * 17 + 2 * 17 * 17],
    ['W33 H17 Cmono', 'GREY', 33 * 17],
  ])('knows what "%s" is', (line, format, bytes) => {
    const reader = new Y4mReader(AT_25);
    const { found } = fed(reader, Buffer.from(`YUV4MPEG2 ${line}\nFRAME\n`));
    expect(found.map((one) => [one.kind, fourccName(one.picture.fourcc)])).toEqual([
      ['picture', format],
      ['frame', format],
    ]);
    expect(found[1]).toMatchObject({ bytes });
  });

  it('takes the configured rate where the stream says none, and full range where it says so', () => {
    expect(picture('W32 H16').interval).toEqual(AT_25);
    expect(picture('W32 H16 F0:0').interval).toEqual(AT_25);
    expect(picture('W32 H16 F30000:1001').interval).toEqual({ numerator: 1001, denominator: 30000 });
    expect([picture('W32 H16').fullRange, picture('W32 H16 XCOLORRANGE=LIMITED').fullRange]).toEqual([false, false]);
    expect(picture('W32 H16 XCOLORRANGE=FULL').fullRange).toBe(true);
  });

  it.each([
    ['H16', 'say W and a number'],
    ['W32', 'say H and a number'],
    ['W-32 H16', 'not "W-32"'],
    ['W0 H16', 'frames of 0x16'],
    ['W1 H1', 'frames of 1x1'],
    ['W65536 H16', 'frames of 65536x16'],
    ['W9999999 H16', 'not "W9999999"'],
    ['W32 H16 W64', 'says W twice'],
    ['W32 H16 It', 'interlaced (It): have the producer deinterlace'],
    ['W32 H16 Im', 'interlaced (Im)'],
    ['W32 H16 C444', 'C444 has no place'],
    ['W32 H16 C420p10', 'ffmpeg -pix_fmt yuv420p'],
    ['W32 H16 CtoString', 'CtoString has no place'],
    ['W32 H16 F30', '"F30"'],
    ['W32 H16 A1', '"A1"'],
    ['W32 H16 F5000:1', 'frames a second'],
    ['W32 H16 F1:3600', 'frames a second'],
  ])('refuses "%s" with the reason', (line, reason) => {
    expect(() => picture(line)).toThrow(ProducerFault);
    expect(() => picture(line)).toThrow(reason);
  });

  it('refuses what is no such stream at its first byte, and says what stands there', () => {
    const reader = new Y4mReader(AT_25);
    expect(() => reader.take(Buffer.from('\x89PNG', 'latin1'))).toThrow('".PNG" stands where "YUV4MPEG2" has to: send YUV4MPEG2');
  });

  it('refuses what stands where a frame has to', () => {
    const reader = new Y4mReader(AT_25);
    fed(reader, y4mHeader(32, 16));
    expect(() => reader.take(Buffer.from('FRAXE\n'))).toThrow('longer or shorter');
    const other = new Y4mReader(AT_25);
    fed(other, y4mHeader(32, 16));
    expect(() => fed(other, Buffer.from('FRAMES\n'))).toThrow('out of step');
  });

  it('takes a line as long as its limit, and refuses a byte more', () => {
    const line = (bytes: number): Buffer => Buffer.from(`${'YUV4MPEG2 W32 H16 X'.padEnd(bytes - 1, 'x')}\n`);
    const reader = new Y4mReader(AT_25);
    expect(fed(reader, line(MAX_STREAM_LINE)).found).toHaveLength(1);
    expect(() => fed(new Y4mReader(AT_25), line(MAX_STREAM_LINE + 1))).toThrow(`more than ${MAX_STREAM_LINE} bytes`);
    const frameLine = (bytes: number): Buffer => Buffer.from(`${'FRAME X'.padEnd(bytes - 1, 'x')}\n`);
    expect(fed(reader, frameLine(MAX_FRAME_LINE)).found).toHaveLength(1);
    expect(() => fed(reader, frameLine(MAX_FRAME_LINE + 1))).toThrow(`more than ${MAX_FRAME_LINE} bytes`);
  });
});
