// SPDX-License-Identifier: Apache-2.0
import { codedSize, V4L2_PIX_FMT_GREY, V4L2_PIX_FMT_MJPEG } from '@paravideo/core';
import { describe, expect, it } from 'vitest';
import { FRAME_HEADER_BYTES, FramesReader } from './frames-reader.ts';
import { ProducerFault } from './producer-fault.ts';
import { type FrameWords, frameHeader } from './testing/streams.ts';

const AT_25 = { numerator: 1, denominator: 25 };
const read = (words: FrameWords = {}) => new FramesReader(AT_25).take(frameHeader(words));

describe('a reader of frames with headers', () => {
  it('finds each field where the document says that it stands', () => {
    // docs/RAW-FRAMES.md: struct.pack('<4sI4sIIIIIQ', ...)
    const header = Buffer.alloc(40);
    header.write('PVFR', 0);
    header.writeUInt32LE(1, 4);
    header.write('GREY', 8);
    header.writeUInt32LE(64, 12);
    header.writeUInt32LE(48, 16);
    header.writeUInt32LE(1001, 20);
    header.writeUInt32LE(30000, 24);
    header.writeUInt32LE(64 * 48, 28);
    header.writeBigUInt64LE(0x1_2345_6789n, 32);
    expect(new FramesReader(AT_25).take(header)).toEqual({
      kind: 'frame',
      picture: {
        fourcc: V4L2_PIX_FMT_GREY,
        width: 64,
        height: 48,
        interval: { numerator: 1001, denominator: 30000 },
        fullRange: false,
      },
      bytes: 64 * 48,
      timestamp: 0x1_2345_6789,
    });
  });

  it('puts a header together of single bytes, and asks for no byte beyond it', () => {
    const reader = new FramesReader(AT_25);
    const header = frameHeader();
    for (const [i, byte] of header.entries()) {
      expect(reader.wants).toBe(FRAME_HEADER_BYTES - i);
      expect(reader.half).toBe(i > 0);
      expect(reader.take(Uint8Array.of(byte))?.kind).toBe(i === header.length - 1 ? 'frame' : undefined);
    }
    expect([reader.half, reader.wants]).toEqual([false, FRAME_HEADER_BYTES]);
  });

  it('takes frames of another picture in mid-stream, and coded ones of any length up to the most', () => {
    const reader = new FramesReader(AT_25);
    const most = codedSize(64, 48);
    expect(reader.take(frameHeader())?.picture).toMatchObject({ fourcc: V4L2_PIX_FMT_GREY, width: 32 });
    for (const bytes of [1, 700, most]) {
      const found = reader.take(frameHeader({ fourcc: 'MJPG', width: 64, height: 48, bytes }));
      expect(found).toMatchObject({ picture: { fourcc: V4L2_PIX_FMT_MJPEG, width: 64 }, bytes });
    }
    expect(() => reader.take(frameHeader({ fourcc: 'MJPG', width: 64, height: 48, bytes: most + 1 }))).toThrow(
      `MJPG 64x48, 30 fps has 1 to ${most}`,
    );
  });

  it('takes the configured rate where a header says none', () => {
    expect(read({ interval: [0, 0] })?.picture.interval).toEqual(AT_25);
  });

  it.each<[FrameWords, string]>([
    [{ magic: 'RIFF' }, '"RIFF" stands where the header of a frame, "PVFR", has to: send it, or say format: y4m'],
    [{ version: 2 }, 'version 2'],
    [{ fourcc: 'ZZZZ' }, 'ZZZZ is not known'],
    [{ fourcc: 'H264' }, 'H264 is coded from frame to frame'],
    [{ fourcc: 'NM12' }, 'several memory planes'],
    [{ width: 0 }, 'frames of 0x16'],
    [{ width: 1, height: 1, bytes: 1 }, 'frames of 1x1'],
    [{ width: 65_536 }, 'frames of 65536x16'],
    [{ width: 0xffff_ffff, height: 0xffff_ffff }, 'frames of 4294967295x4294967295'],
    [{ bytes: 0 }, 'a frame of 0 bytes: GREY 32x16, 30 fps has 512'],
    [{ bytes: 513 }, 'a frame of 513 bytes'],
    [{ bytes: 0xffff_ffff }, 'a frame of 4294967295 bytes'],
    [{ fourcc: 'MJPG', bytes: 0 }, 'a frame of 0 bytes'],
    [{ interval: [1, 0xffff_ffff] }, 'frames a second'],
    [{ interval: [0xffff_ffff, 1] }, 'frames a second'],
  ])('refuses %o with the reason', (words, reason) => {
    expect(() => read(words)).toThrow(ProducerFault);
    expect(() => read(words)).toThrow(reason);
  });

  it('says of a second header that is none that the frame before was of another length', () => {
    const reader = new FramesReader(AT_25);
    reader.take(frameHeader());
    expect(() => reader.take(Buffer.from('P'))).not.toThrow();
    expect(() => reader.take(Buffer.from('X'))).toThrow('the frame before is longer or shorter than it said');
  });
});
