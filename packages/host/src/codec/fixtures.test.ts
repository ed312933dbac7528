// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import {
  V4L2_FIELD_INTERLACED,
  V4L2_PIX_FMT_NV12,
  V4L2_PIX_FMT_NV12M,
  V4L2_PIX_FMT_YUV420,
  V4L2_PIX_FMT_YUV420M,
} from '@paravideo/core';
import { describe, expect, it } from 'vitest';
import type { VideoCodec } from '../av/index.ts';
import { Player } from './testing/player.ts';
import { makeRig } from './testing/rig.ts';
import { codedUnits } from './testing/streams.ts';

const fixture = (name: string): string => fileURLToPath(new URL(`../../fixtures/${name}`, import.meta.url));
const units = (codec: VideoCodec, name: string): Buffer[] => codedUnits(codec, readFileSync(fixture(name)));
const md5s = (name: string): string[] =>
  readFileSync(fixture(`${name}.md5`), 'latin1')
    .trim()
    .split('\n');

const STREAMS: readonly (readonly [VideoCodec, string, readonly (readonly [number, number])[]])[] = [
  ['h264', 'h264-b-frames.h264', [[320, 192]]],
  ['h264', 'h264-cropped.h264', [[192, 128]]],
  ['h264', 'h264-interlaced.h264', [[176, 160]]],
  [
    'h264',
    'h264-resized.h264',
    [
      [176, 144],
      [128, 96],
    ],
  ],
  ['hevc', 'hevc-b-frames.h265', [[176, 144]]],
  ['vp8', 'vp8-odd.ivf', [[175, 143]]],
  [
    'vp9',
    'vp9-resized.ivf',
    [
      [161, 91],
      [224, 128],
    ],
  ],
  ['av1', 'av1.ivf', [[176, 144]]],
  ['mpeg2', 'mpeg2-interlaced.m2v', [[176, 144]]],
  ['mjpeg', 'mjpeg.mjpeg', [[160, 120]]],
];

describe('the codec process', () => {
  it.each(STREAMS)('decodes %s %s to the pictures of the ffmpeg command', async (codec, name, sizes) => {
    await using rig = makeRig();
    await using player = new Player(rig, codec);
    await player.play(units(codec, name));
    expect(player.pictures.map(({ md5 }) => md5)).toEqual(md5s(name));
    expect(player.pictures.filter(({ picture }) => picture.error)).toEqual([]);
    expect(player.events.filter((event) => event.kind === 'inputDone' && !event.ok)).toEqual([]);
    expect(player.formats.map(({ codedWidth, codedHeight }) => [codedWidth, codedHeight])).toEqual(sizes);
  });

  it.each([
    ['NV12', V4L2_PIX_FMT_NV12],
    ['YU12', V4L2_PIX_FMT_YUV420],
    ['NM12', V4L2_PIX_FMT_NV12M],
    ['YM12', V4L2_PIX_FMT_YUV420M],
  ])('decodes to %s, with lines of any length, odd sizes, and into guest pages', async (_, fourcc) => {
    await using rig = makeRig({ ramBytes: 4 * 2 ** 20 });
    for (const [codec, name] of [
      ['vp8', 'vp8-odd.ivf'],
      ['h264', 'h264-cropped.h264'],
    ] as const) {
      for (const o of [{}, { pad: 24 }, { guest: true, pad: 8 }]) {
        await using player = new Player(rig, codec, { fourcc, ...o });
        await player.play(units(codec, name));
        expect(player.pictures.map(({ md5 }) => md5)).toEqual(md5s(name));
      }
    }
    expect(rig.host.streams).toBe(0);
  });

  it.each([1, 2, 4])('gives the same pictures, and their inputs, with %i threads', async (threads) => {
    await using rig = makeRig({ threads });
    await using player = new Player(rig, 'h264');
    await player.play(units('h264', 'h264-b-frames.h264'));
    expect(player.pictures.map(({ md5 }) => md5)).toEqual(md5s('h264-b-frames.h264'));
    // Every input once; the first two groups of B frames as x264 orders a pyramid of three.
    const ids = player.pictures.map(({ picture }) => picture.inputId);
    expect([...ids].sort((a, b) => a - b)).toEqual(ids.map((__, i) => i));
    expect(ids.slice(0, 9)).toEqual([0, 3, 2, 4, 1, 7, 6, 8, 5]);
    expect(player.pictures.slice(0, 5).map(({ picture }) => picture.type)).toEqual(['key', 'b', 'b', 'b', 'p']);
  });

  it('names the coded size, the visible rectangle, profile and level, and how far pictures are reordered', async () => {
    await using rig = makeRig();
    await using player = new Player(rig, 'h264');
    await player.play(units('h264', 'h264-cropped.h264'));
    expect(player.formats).toMatchObject([
      {
        codedWidth: 192,
        codedHeight: 128,
        visible: { left: 6, top: 2, width: 172, height: 116 },
        minBuffers: 1,
        pixelAspect: { numerator: 1, denominator: 1 },
      },
    ]);
    await using pyramid = new Player(rig, 'h264');
    await pyramid.play(units('h264', 'h264-b-frames.h264'));
    expect(pyramid.formats).toMatchObject([{ visible: { left: 0, top: 0, width: 320, height: 180 }, minBuffers: 3, profile: 4 }]);
  });

  it.each([
    ['h264', 'h264-interlaced.h264'],
    ['mpeg2', 'mpeg2-interlaced.m2v'],
  ] as const)('says that %s pictures of two fields are interlaced', async (codec, name) => {
    await using rig = makeRig();
    await using player = new Player(rig, codec);
    await player.play(units(codec, name));
    expect(player.formats[0]?.field).toBe(V4L2_FIELD_INTERLACED);
    expect(new Set(player.pictures.map(({ picture }) => picture.field))).toEqual(new Set([V4L2_FIELD_INTERLACED]));
  });

  it('finds the format in the first input alone, before any other', async () => {
    await using rig = makeRig({ threads: 4 });
    for (const [codec, name] of STREAMS) {
      await using player = new Player(rig, codec);
      const [first] = units(codec, name);
      await player.send(first ?? Buffer.alloc(0));
      await player.until(() => player.formats.length === 1);
      expect(player.pictures).toEqual([]);
    }
  });

  it('cuts inputs that hold several pictures, or parts of pictures in full buffers', async () => {
    await using rig = makeRig();
    for (const [codec, name] of STREAMS) {
      if (name.endsWith('.ivf')) continue;
      const file = readFileSync(fixture(name));
      await using whole = new Player(rig, codec);
      await whole.play([file]);
      expect(
        whole.pictures.map(({ md5 }) => md5),
        name,
      ).toEqual(md5s(name));
      expect(new Set(whole.pictures.map(({ picture }) => picture.inputId))).toEqual(new Set([0]));
      await using parts = new Player(rig, codec);
      for (let at = 0; at < file.length; at += 1000)
        await parts.send(file.subarray(at, at + 1000), { mayContinue: at + 1000 < file.length });
      parts.decoder.drain();
      await parts.until(() => parts.events.some(({ kind }) => kind === 'drained'));
      expect(
        parts.pictures.map(({ md5 }) => md5),
        name,
      ).toEqual(md5s(name));
    }
  });

  it('puts headers that come in an input of their own before the picture that follows', async () => {
    await using rig = makeRig();
    await using player = new Player(rig, 'h264');
    const [first, ...rest] = units('h264', 'h264-b-frames.h264');
    const slice = first?.indexOf(Buffer.from([0, 0, 1, 0x65])) ?? 0;
    await player.play([first?.subarray(0, slice) ?? Buffer.alloc(0), first?.subarray(slice) ?? Buffer.alloc(0), ...rest]);
    expect(player.pictures.map(({ md5 }) => md5)).toEqual(md5s('h264-b-frames.h264'));
    expect(player.events.filter((event) => event.kind === 'inputDone' && !event.ok)).toEqual([]);
    expect(player.pictures[0]?.picture.inputId).toBe(1);
  });

  it('ends inputs that are no video, or broken, with an error and goes on', async () => {
    await using rig = makeRig();
    for (const [codec, name] of STREAMS) {
      await using player = new Player(rig, codec);
      const noise = Buffer.from(Array.from({ length: 3000 }, (_, i) => (i * i * 31 + (i >> 2)) & 0xff));
      const id = await player.send(noise);
      await player.until(() => player.events.length > 0);
      // An AV1 decoder skips units of kinds that it does not know.
      expect(player.events, name).toContainEqual({ kind: 'inputDone', id, ok: codec === 'av1' });
      await player.play(units(codec, name));
      expect(player.pictures.map(({ md5 }) => md5).slice(-md5s(name).length), name).toEqual(md5s(name));
    }
  });

  it('marks pictures that are damaged, and loses none', async () => {
    await using rig = makeRig();
    await using player = new Player(rig, 'h264');
    const damaged = units('h264', 'h264-b-frames.h264').map((unit, i) => {
      const copy = Buffer.from(unit);
      if (i === 4) copy.fill(0x55, copy.length >> 1);
      return copy;
    });
    await player.play(damaged);
    expect(player.pictures.some(({ picture }) => picture.error)).toBe(true);
    expect(player.pictures[0]?.picture.error).toBe(false);
    expect(player.pictures.length).toBeGreaterThanOrEqual(damaged.length - 1);
  });
});
