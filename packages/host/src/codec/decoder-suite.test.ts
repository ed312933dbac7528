// SPDX-License-Identifier: Apache-2.0
/** The conformance suite of the `Decoder` port, on the codec process. */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type ArenaBlock, type BufferMemory, pictureLayout, V4L2_PIX_FMT_NV12 } from '@paravideo/core';
import { type DecoderFixture, decoderSuite, type KnownStream } from '@paravideo/core/conformance';
import { describe, it } from 'vitest';
import type { VideoCodec } from '../av/index.ts';
import { makeRig } from './testing/rig.ts';
import { codedUnits } from './testing/streams.ts';

const PYRAMID = [0, 3, 2, 4, 1, 7, 6, 8, 5, 11, 10, 12, 9, 15, 14, 16, 13, 19, 18, 20, 17, 23, 22, 24, 21];

function stream(
  codec: VideoCodec,
  name: string,
  codedWidth: number,
  codedHeight: number,
  order?: readonly number[],
): KnownStream {
  const chunks = codedUnits(codec, readFileSync(fileURLToPath(new URL(`../../fixtures/${name}`, import.meta.url))));
  return { chunks, order: order ?? chunks.map((_, i) => i), codedWidth, codedHeight };
}

const CASES = {
  h264: {
    stream: stream('h264', 'h264-b-frames.h264', 320, 192, PYRAMID),
    other: stream('h264', 'h264-cropped.h264', 192, 128),
  },
  vp8: { stream: stream('vp8', 'vp8-odd.ivf', 175, 143), other: { ...stream('vp8', 'vp8-odd.ivf', 175, 143) } },
  mjpeg: { stream: stream('mjpeg', 'mjpeg.mjpeg', 160, 120), other: stream('mjpeg', 'mjpeg.mjpeg', 160, 120) },
} as const;

function open(codec: keyof typeof CASES): DecoderFixture {
  const rig = makeRig({ threads: 2 });
  const blocks: ArenaBlock[] = [];
  const allocate = (length: number): BufferMemory => {
    const block = rig.arena.allocate(Math.max(1, length));
    if (block === undefined) throw new TypeError('the arena is full');
    blocks.push(block);
    return { kind: 'arena', offset: block.offset, length };
  };
  const write = (memory: BufferMemory, bytes: Uint8Array): void => {
    if (memory.kind === 'arena') rig.arena.mapping.bytes().set(bytes, memory.offset);
  };
  return {
    factory: rig.host.factory,
    codec,
    ...CASES[codec],
    layout: ({ codedWidth, codedHeight }) => {
      const layout = pictureLayout(V4L2_PIX_FMT_NV12, codedWidth, codedHeight);
      if (layout === undefined) throw new TypeError(`no layout for ${codedWidth}x${codedHeight}`);
      return layout;
    },
    coded: (bytes) => {
      const memory = allocate(bytes.length);
      write(memory, bytes);
      return memory;
    },
    target: (layout) => layout.sizes.map((size) => allocate(size)),
    read: (memory) => rig.bytes(memory),
    write,
    settle: () => sleep(150),
    close: async () => {
      await rig[Symbol.asyncDispose]();
      for (const block of blocks) block.release();
    },
  };
}

describe('the Decoder port on the codec process, H.264 with reordering', () => {
  for (const { title, run } of decoderSuite(() => open('h264'))) it(title, run);
});

// Streams of one size only: what the suite says about a change of format is not for them.
for (const codec of ['vp8', 'mjpeg'] as const) {
  describe(`the Decoder port on the codec process, ${codec}`, () => {
    for (const { title, run } of decoderSuite(() => open(codec))) if (!title.includes('change of format')) it(title, run);
  });
}
