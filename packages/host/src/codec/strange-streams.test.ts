// SPDX-License-Identifier: Apache-2.0
/** Streams that are right, and that few encoders make. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import {
  V4L2_COLORSPACE_JPEG,
  V4L2_FIELD_INTERLACED,
  V4L2_QUANTIZATION_FULL_RANGE,
  V4L2_QUANTIZATION_LIM_RANGE,
  V4L2_YCBCR_ENC_601,
  V4L2_YCBCR_ENC_709,
} from '@paravideo/core';
import { describe, expect, it } from 'vitest';
import type { VideoCodec } from '../av/index.ts';
import { Player } from './testing/player.ts';
import { makeRig } from './testing/rig.ts';
import { codedUnits } from './testing/streams.ts';

const fixture = (name: string): Buffer => readFileSync(fileURLToPath(new URL(`../../fixtures/${name}`, import.meta.url)));
const units = (codec: VideoCodec, name: string): Buffer[] => codedUnits(codec, fixture(name));
const md5s = (name: string): string[] => fixture(`${name}.md5`).toString('latin1').trim().split('\n');
const codes = (player: Player): string[] => player.pictures.map(({ md5 }) => md5);
const damaged = (player: Player): boolean[] => player.pictures.map(({ picture }) => picture.error);
const badInputs = (player: Player): unknown[] => player.events.filter((event) => event.kind === 'inputDone' && !event.ok);

describe('field pictures of H.264', () => {
  const nals = (): Buffer[] => {
    const file = fixture('h264-paff.h264');
    const starts: number[] = [];
    for (let at = file.indexOf('00000001', 0, 'hex'); at >= 0; at = file.indexOf('00000001', at + 4, 'hex')) starts.push(at);
    return starts.map((start, i) => file.subarray(start, starts[i + 1] ?? file.length));
  };

  it('make frames, whole and without an error, whether the fields come in one input or in two', async () => {
    await using rig = makeRig();
    const [sps, pps, first, ...rest] = nals();
    const fields = [Buffer.concat([sps, pps, first].map((nal) => nal ?? Buffer.alloc(0))), ...rest];
    for (const inputs of [fields, units('h264', 'h264-paff.h264'), [fixture('h264-paff.h264')]]) {
      await using player = new Player(rig, 'h264');
      await player.play(inputs);
      expect(codes(player)).toEqual(md5s('h264-paff.h264'));
      expect(damaged(player)).toEqual([false, false, false]);
      expect(badInputs(player)).toEqual([]);
      expect(player.formats).toMatchObject([{ field: V4L2_FIELD_INTERLACED }]);
    }
  });

  it('tell the format where the first frame fills its input to the last byte, and nothing follows', async () => {
    // A client cannot drain before it knows the format (dev-decoder, "Drain"), so nothing else would ever bring it out.
    await using rig = makeRig();
    await using player = new Player(rig, 'h264');
    await player.send(units('h264', 'h264-paff.h264')[0] ?? Buffer.alloc(0), { mayContinue: true });
    await player.until(() => player.events.some(({ kind }) => kind === 'inputDone'));
    expect(player.formats).toMatchObject([{ field: V4L2_FIELD_INTERLACED }]);
    player.decoder.drain();
    await player.until(() => player.events.some(({ kind }) => kind === 'drained'));
    expect(player.pictures.length).toBe(1);
    expect(player.formats.length).toBe(1);
  });

  it('tell the format when both fields of the first frame are there', async () => {
    await using rig = makeRig({ threads: 4 });
    await using player = new Player(rig, 'h264');
    const [sps, pps, first, second] = nals().map((nal) => nal);
    await player.send(Buffer.concat([sps, pps, first].map((nal) => nal ?? Buffer.alloc(0))));
    await player.send(second ?? Buffer.alloc(0));
    await player.until(() => player.events.filter(({ kind }) => kind === 'inputDone').length === 2);
    expect(player.formats.length).toBe(1);
  });
});

describe('a change in mid-stream', () => {
  it('of the cropping is told before the first picture that has it', async () => {
    await using rig = makeRig();
    await using player = new Player(rig, 'h264');
    await player.play(units('h264', 'h264-crop-moves.h264'));
    expect(player.formats.map(({ visible }) => visible)).toEqual([
      { left: 0, top: 0, width: 48, height: 56 },
      { left: 8, top: 4, width: 48, height: 56 },
      { left: 16, top: 8, width: 48, height: 56 },
    ]);
    expect(codes(player)).toEqual(md5s('h264-crop-moves.h264'));
  });

  it('of colours, or of the shape of a pixel, is told before the first picture that has it', async () => {
    await using rig = makeRig();
    await using player = new Player(rig, 'h264');
    await player.play(units('h264', 'h264-looks.h264'));
    const told = player.events.map((event) =>
      event.kind === 'format' ? [event.format.colorimetry.ycbcrEnc, event.format.pixelAspect] : event.kind,
    );
    const square = { numerator: 1, denominator: 1 };
    expect(told.filter((event) => event !== 'inputDone')).toEqual([
      [V4L2_YCBCR_ENC_601, square],
      'picture',
      'picture',
      [V4L2_YCBCR_ENC_709, square],
      'picture',
      'picture',
      [V4L2_YCBCR_ENC_709, { numerator: 4, denominator: 3 }],
      'picture',
      'picture',
      'drained',
    ]);
    expect(codes(player)).toEqual(md5s('h264-looks.h264'));
    // The buffers need not change.
    expect(new Set(player.formats.map(({ minBuffers }) => minBuffers)).size).toBe(1);
  });
});

describe('the colours that the decoder announces', () => {
  it('are those that RGB has after its conversion into a buffer', async () => {
    await using rig = makeRig();
    await using player = new Player(rig, 'h264');
    await player.play(units('h264', 'h264-rgb.h264'));
    expect(player.formats.map(({ colorimetry }) => colorimetry)).toMatchObject([
      { ycbcrEnc: V4L2_YCBCR_ENC_601, quantization: V4L2_QUANTIZATION_LIM_RANGE },
    ]);
    expect(codes(player)).toEqual(md5s('h264-rgb.h264'));
  });

  it('say whether Motion JPEG is of limited range', async () => {
    await using rig = makeRig();
    for (const [name, quantization] of [
      ['mjpeg-limited.mjpeg', V4L2_QUANTIZATION_LIM_RANGE],
      ['mjpeg.mjpeg', 0],
    ] as const) {
      await using player = new Player(rig, 'mjpeg');
      await player.play(units('mjpeg', name));
      expect(player.formats.map(({ colorimetry }) => colorimetry)).toMatchObject([
        { colorspace: V4L2_COLORSPACE_JPEG, quantization },
      ]);
      expect(quantization).not.toBe(V4L2_QUANTIZATION_FULL_RANGE);
      expect(codes(player)).toEqual(md5s(name));
    }
  });
});

describe('pictures that are made of several coded ones', () => {
  it('are the largest spatial layer of VP9, and one a superframe', async () => {
    await using rig = makeRig();
    await using player = new Player(rig, 'vp9');
    await player.play(units('vp9', 'vp9-layers.ivf'));
    expect(player.formats).toMatchObject([{ codedWidth: 160, codedHeight: 128 }]);
    expect(codes(player)).toEqual(md5s('vp9-layers.ivf'));
    expect(player.pictures.map(({ picture }) => picture.inputId)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });

  it('are two fields of Motion JPEG, the first of which has the odd lines or the even ones', async () => {
    const images = units('mjpeg', 'mjpeg.mjpeg').slice(0, 4);
    const planes = images.map((image) => {
      const args = ['-v', 'error', '-f', 'mjpeg', '-i', '-', '-pix_fmt', 'yuvj420p', '-f', 'rawvideo', '-'];
      return execFileSync('ffmpeg', args, { input: image });
    });
    await using rig = makeRig();
    for (const first of [1, 2]) {
      const fields = images.map((image, i) => aviField(image, i % 2 === 0 ? first : 3 - first));
      const expected = [0, 2].map((i) => {
        const pair = first === 2 ? [planes[i], planes[i + 1]] : [planes[i + 1], planes[i]];
        return createHash('md5')
          .update(woven(pair as [Buffer, Buffer], 160, 120))
          .digest('hex');
      });
      const pairs = [0, 2].map((i) => Buffer.concat(fields.slice(i, i + 2)));
      for (const inputs of [pairs, fields, [Buffer.concat(fields)]]) {
        await using player = new Player(rig, 'mjpeg');
        // A frame before them: the decoder changes its mind in mid-stream.
        await player.play([images[0] ?? Buffer.alloc(0), ...inputs]);
        expect(player.formats).toMatchObject([{ codedHeight: 120 }, { codedWidth: 160, codedHeight: 240 }]);
        expect(codes(player).slice(1)).toEqual(expected);
        expect(damaged(player)).toEqual([false, false, false]);
      }
    }
  });

  /** An image as one field of an AVI file's frame. */
  function aviField(image: Buffer, polarity: number): Buffer {
    const segment = Buffer.from([0xff, 0xe0, 0, 16, ...Buffer.from('AVI1'), polarity, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    // In place of the JFIF segment, which has the same number.
    const rest = image.readUInt16BE(2) === 0xffe0 ? 4 + image.readUInt16BE(4) : 2;
    return Buffer.concat([image.subarray(0, 2), segment, image.subarray(rest)]);
  }

  /** The lines of two pictures in I420 by turns. */
  function woven([even, odd]: [Buffer, Buffer], width: number, height: number): Buffer {
    const lines: Buffer[] = [];
    let at = 0;
    for (const [w, h] of [[width, height], ...Array<[number, number]>(2).fill([width / 2, height / 2])] as [number, number][]) {
      for (let y = 0; y < h; y += 1, at += w) lines.push(even.subarray(at, at + w), odd.subarray(at, at + w));
    }
    return Buffer.concat(lines);
  }
});

describe('a stream that never has a whole picture coded by itself', () => {
  it('shows pictures from the first, marked as damaged until every part has been refreshed', async () => {
    await using rig = makeRig();
    const all = units('h264', 'h264-refresh.h264');
    await using player = new Player(rig, 'h264');
    await player.play(all);
    expect(codes(player)).toEqual(md5s('h264-refresh.h264'));
    const whole = damaged(player).indexOf(false);
    expect(whole).toBeGreaterThan(4);
    expect(whole).toBeLessThan(30);
    expect(new Set(damaged(player).slice(whole))).toEqual(new Set([false]));
    // Whole is what does not depend on where one began: the same pictures come out when the first is missing.
    await using later = new Player(rig, 'h264');
    const [first, ...rest] = all;
    const headers = (first ?? Buffer.alloc(0)).subarray(0, first?.indexOf(Buffer.from([0, 0, 1, 0x41])));
    await later.play([headers, ...rest]);
    expect(codes(later).slice(whole - 1)).toEqual(md5s('h264-refresh.h264').slice(whole));
    expect(codes(later)[0]).not.toBe(md5s('h264-refresh.h264')[1]);
  });

  it('is damaged again after a seek', async () => {
    await using rig = makeRig();
    const all = units('h264', 'h264-refresh.h264');
    await using player = new Player(rig, 'h264');
    await player.play(all);
    await player.decoder.flush();
    player.forgetInputs();
    const before = player.pictures.length;
    await player.play(all.slice(20));
    const after = damaged(player).slice(before);
    expect(after.length).toBe(all.length - 20);
    expect([after[0], after.at(-1)]).toEqual([true, false]);
  });
});

describe('MPEG-2', () => {
  it('keeps a zero byte at the end of a slice', async () => {
    const file = fixture('mpeg2-interlaced.m2v');
    const { units: cut } = (await import('./process/access-units.ts')).splitterFor('mpeg2').push(0, zeroed(file), false);
    expect(cut.length).toBe(md5s('mpeg2-interlaced.m2v').length);
    expect(cut.slice(0, -1).every(({ bytes }) => bytes.at(-1) === 0)).toBe(true);
  });

  /** A zero byte more before each picture. */
  function zeroed(file: Buffer): Buffer {
    const parts: Buffer[] = [];
    let from = 0;
    for (let at = file.indexOf('00000100', 4, 'hex'); at >= 0; at = file.indexOf('00000100', at + 4, 'hex')) {
      if (parts.length > 0 || from < at) parts.push(file.subarray(from, at), Buffer.from([0]));
      from = at;
    }
    return Buffer.concat([...parts, file.subarray(from)]);
  }
});

describe('a unit in very many inputs', () => {
  it.each(['h264', 'mpeg2', 'mjpeg'] as const)('of %s takes a time that grows as it does', async (codec) => {
    const { splitterFor } = await import('./process/access-units.ts');
    const start = { h264: '0000000165888000', mpeg2: '00000100000000000101', mjpeg: 'ffd8ffda0002' }[codec];
    const piece = Buffer.alloc(1024, 0x55);
    const time = (inputs: number): number => {
      const splitter = splitterFor(codec);
      splitter.push(0, Buffer.from(start, 'hex'), true);
      const began = process.cpuUsage();
      for (let id = 1; id <= inputs; id += 1) splitter.push(id, piece, true);
      const { user, system } = process.cpuUsage(began);
      expect(splitter.flush().reduce((sum, { bytes }) => sum + bytes.length, 0)).toBe(start.length / 2 + inputs * piece.length);
      return user + system;
    };
    time(1000);
    // Twelve times as much: squared it would take 144 times as long.
    const [short, long] = [time(500), time(6000)];
    expect(long).toBeLessThan(40 * short + 200_000);
  });
});
