// SPDX-License-Identifier: Apache-2.0

import { describe, expect, test } from 'vitest';
import { HeapAccess, HeapArena, RegionMemory } from '../../memory/index.ts';
import { toldLayout } from '../../picture/index.ts';
import type { Decoder, DecoderEvents, DecoderFactory } from '../../ports/index.ts';
import { ToyDecoderFactory, toyChunk, toyHeader, toyPicture, toyPlanes } from '../../testing/index.ts';
import type { DecoderFixture, KnownStream } from './decoder-run.ts';
import { decoderSuite } from './decoder-suite.ts';

function stream(width: number, height: number, depth: number, numbers: readonly number[]): KnownStream {
  const sorted = numbers.map((number, chunk) => ({ number, chunk })).sort((a, b) => a.number - b.number);
  return {
    chunks: numbers.map((number, i) =>
      i === 0 ? toyChunk(toyHeader({ width, height, depth }), toyPicture(number, 'key')) : toyPicture(number),
    ),
    order: sorted.map(({ chunk }) => chunk),
    codedWidth: width,
    codedHeight: height,
    picture: (place, layout) => toyPlanes(layout, sorted[place]?.number ?? 0),
  };
}

function fixture(wrap: (factory: DecoderFactory) => DecoderFactory = (factory) => factory): DecoderFixture {
  const arena = new HeapArena(64 << 20);
  const access = new HeapAccess(arena, new RegionMemory());
  const allocate = (length: number) => {
    const block = arena.allocate(Math.max(1, length));
    if (block === undefined) throw new RangeError('the arena is full');
    return { kind: 'arena', offset: block.offset, length } as const;
  };
  return {
    factory: wrap(new ToyDecoderFactory({ access })),
    codec: 'toy',
    stream: stream(64, 48, 2, [0, 4, 2, 1, 3, 5]),
    other: stream(96, 32, 1, [0, 2, 1, 3, 4]),
    layout: ({ codedWidth: width, codedHeight: height }) =>
      toldLayout(0, width, height, [width, width], [width * height, (width * height) / 2]),
    coded: (bytes) => {
      const memory = allocate(bytes.length);
      access.write(memory, 0, bytes);
      return memory;
    },
    target: (layout) => layout.sizes.map((size) => allocate(size)),
    read: (memory) => {
      const bytes = new Uint8Array(memory.length);
      access.read(memory, 0, bytes);
      return bytes;
    },
    write: (memory, bytes) => void access.write(memory, 0, bytes),
    settle: async () => {
      for (let i = 0; i < 200; i++) await Promise.resolve();
    },
    close: async () => {},
  };
}

describe('the toy decoder conforms to the Decoder port', () => {
  for (const each of decoderSuite(() => fixture())) test(each.title, each.run);
});

/** A factory whose decoders are changed on their way to the user. */
const changed =
  (
    change: (decoder: Decoder, events: DecoderEvents) => Partial<Decoder>,
    events: (events: DecoderEvents) => Partial<DecoderEvents> = () => ({}),
  ) =>
  (factory: DecoderFactory): DecoderFactory => ({
    capabilities: factory.capabilities,
    create: (codec, to) => {
      const decoder = factory.create(codec, { ...to, ...events(to) });
      if (decoder === undefined) return undefined;
      const same: Decoder = {
        decode: (input) => decoder.decode(input),
        setOutput: (layout) => decoder.setOutput(layout),
        supply: (target) => decoder.supply(target),
        drain: () => decoder.drain(),
        flush: () => decoder.flush(),
        recall: () => decoder.recall(),
        close: () => decoder.close(),
      };
      return { ...same, ...change(decoder, to) };
    },
  });

describe('the suite finds decoders that do not conform', () => {
  const broken: Record<string, (factory: DecoderFactory) => DecoderFactory> = {
    'names the wrong input': changed(
      () => ({}),
      (to) => ({ picture: (picture) => to.picture({ ...picture, inputId: 0 }) }),
    ),
    'loses the answer of the first format': changed(
      () => ({}),
      (to) => ({ format: (format) => to.format({ ...format, codedWidth: format.codedWidth + 2 }) }),
    ),
    'does not flush': changed(() => ({ flush: async () => {} })),
    'does not recall': changed(() => ({ recall: async () => {} })),
    'marks pictures as damaged': changed(
      () => ({}),
      (to) => ({ picture: (picture) => to.picture({ ...picture, error: true }) }),
    ),
  };
  for (const [what, wrap] of Object.entries(broken)) {
    test(`one that ${what}`, async () => {
      let found = 0;
      for (const each of decoderSuite(() => fixture(wrap))) {
        // A broken decoder may also stall a case: a lost race against many turns counts as found.
        const stalled = (async () => {
          for (let i = 0; i < 20_000; i++) await Promise.resolve();
          throw new RangeError('stalled');
        })();
        await Promise.race([each.run(), stalled]).catch(() => {
          found += 1;
        });
        await stalled.catch(() => {});
      }
      expect(found).toBeGreaterThan(0);
    });
  }
});
