// SPDX-License-Identifier: Apache-2.0
/** What a decoder believes of its process: nothing. The process is the test here. */
import { type DecoderEvents, pictureLayout, V4L2_PIX_FMT_NV12 } from '@paravideo/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ChildProtocolError } from '../isolation/child/index.ts';
import type { CodecReport, CodecRequest } from './codec-messages.ts';
import { CodecError } from './index.ts';
import { RemoteDecoder } from './remote-decoder.ts';
import { Staging } from './staging.ts';

const FORMAT = {
  kind: 'format',
  stream: 1,
  serial: 1,
  codedWidth: 64,
  codedHeight: 48,
  left: 0,
  top: 0,
  width: 64,
  height: 48,
  primaries: 1,
  transfer: 1,
  matrix: 1,
  range: 1,
  aspectNumerator: 1,
  aspectDenominator: 1,
  interlaced: 0,
  reorder: 2,
  profile: 100,
  level: 41,
} as const satisfies CodecReport;

const SIZE = (64 * 48 * 3) / 2;

function make(copies: 'fast' | 'slow' = 'fast'): {
  decoder: RemoteDecoder;
  sent: CodecRequest[];
  events: (readonly unknown[])[];
  forgotten: number[];
  stores: (() => void)[];
  loads: (() => void)[];
} {
  const sent: CodecRequest[] = [];
  const events: (readonly unknown[])[] = [];
  const forgotten: number[] = [];
  const stores: (() => void)[] = [];
  const loads: (() => void)[] = [];
  const note =
    (name: keyof DecoderEvents) =>
    (...args: unknown[]) =>
      void events.push([name, ...args]);
  let next = 0;
  const buffers = {
    allocated: 0,
    settled: () => undefined,
    allocate: (length: number) => {
      next += 65536;
      return { offset: next, length, retain: () => {}, release: () => {} };
    },
  };
  const decoder = new RemoteDecoder({
    stream: 1,
    codec: 'h264',
    threads: 1,
    staging: new Staging(buffers),
    events: {
      inputDone: note('inputDone'),
      format: note('format'),
      picture: note('picture'),
      drained: note('drained'),
      failed: note('failed'),
    },
    host: {
      access: {
        open: true,
        load: () => (copies === 'fast' ? Promise.resolve(true) : new Promise((resolve) => loads.push(() => resolve(true)))),
        store: () => new Promise((resolve) => stores.push(() => resolve(true))),
        fetch: async () => false,
      },
      arenaAddress: 0,
      answering: true,
      send: (request) => void sent.push(request),
      watch: () => ({ [Symbol.dispose]: () => {} }),
      forget: (stream) => void forgotten.push(stream),
    },
  });
  return { decoder, sent, events, forgotten, stores, loads };
}

const arena = (offset: number, length: number) => ({ kind: 'arena', offset, length }) as const;
const picture = (targetId: number, inputId: number) =>
  ({ kind: 'picture', stream: 1, targetId, inputId, interlaced: 0, error: 0, type: 1 }) as const satisfies CodecReport;

/** A decoder with input 0 and target 7 lent. */
function running(guest = false, copies: 'fast' | 'slow' = 'fast'): ReturnType<typeof make> {
  const made = make(copies);
  made.decoder.decode({ id: 0, memory: arena(0, 100), offset: 10, length: 50, mayContinue: false });
  made.decoder.hear(FORMAT);
  made.decoder.setOutput(pictureLayout(V4L2_PIX_FMT_NV12, 64, 48) as never);
  const memory = guest ? ({ kind: 'guest', ranges: [{ address: 0, length: SIZE }], length: SIZE } as const) : arena(65536, SIZE);
  made.decoder.supply({ id: 7, planes: [memory] });
  return made;
}

describe('a decoder whose process lies', () => {
  it.each<readonly [string, CodecReport]>([
    ['an input that was not lent', { kind: 'inputDone', stream: 1, id: 1, ok: 1 }],
    ['an input that is done in no known way', { kind: 'inputDone', stream: 1, id: 0, ok: 2 }],
    ['a target that was not lent', picture(8, 0)],
    ['a picture of an input that never was', picture(7, 1)],
    ['a picture of a negative input', picture(7, -1)],
    ['a picture of no type', { ...picture(7, 0), type: 9 }],
    ['a picture half interlaced', { ...picture(7, 0), interlaced: 2 }],
    ['a format out of turn', { ...FORMAT, serial: 3 }],
    ['a picture larger than can be', { ...FORMAT, serial: 2, codedWidth: 2 ** 40 }],
    ['a visible rectangle outside the picture', { ...FORMAT, serial: 2, left: 1 }],
    ['pixels without a shape', { ...FORMAT, serial: 2, aspectDenominator: 0 }],
    ['a drain that nobody asked for', { kind: 'drained', stream: 1 }],
    ['an answer that nobody asked for', { kind: 'confirmed', stream: 1 }],
  ])('throws at a report of %s', (_, lie) => {
    const { decoder, events } = running();
    const before = events.length;
    expect(() => decoder.hear(lie)).toThrow(ChildProtocolError);
    expect(events).toHaveLength(before);
  });

  it('does not take a target twice, nor a second format before the first is answered', () => {
    const { decoder } = running();
    decoder.hear(picture(7, 0));
    expect(() => decoder.hear(picture(7, 0))).toThrow(ChildProtocolError);
    const other = make();
    other.decoder.hear(FORMAT);
    expect(() => other.decoder.hear({ ...FORMAT, serial: 2 })).toThrow(/out of turn/);
  });

  it('survives any report with at most a ChildProtocolError, and gives everything back at most once', () => {
    const number = fc.oneof(fc.integer({ min: -2, max: 9 }), fc.maxSafeInteger());
    const kinds = ['inputDone', 'format', 'picture', 'drained', 'confirmed'] as const;
    const report = fc.tuple(fc.constantFrom(...kinds), fc.array(number, { minLength: 20, maxLength: 20 })).map(([kind, n]) => {
      const names = [...Object.keys(FORMAT).slice(2), 'id', 'ok', 'targetId', 'inputId', 'error', 'type'];
      return {
        ...Object.fromEntries(names.map((name, i) => [name, n[i % n.length]])),
        kind,
        stream: 1,
      } as unknown as CodecReport;
    });
    fc.assert(
      fc.property(fc.array(report), (reports) => {
        const { decoder, events } = running();
        for (const each of reports) {
          try {
            decoder.hear(each);
          } catch (error) {
            expect(error).toBeInstanceOf(ChildProtocolError);
          }
        }
        expect(events.filter(([name]) => name === 'picture').length).toBeLessThanOrEqual(1);
        expect(events.filter(([name]) => name === 'inputDone').length).toBeLessThanOrEqual(1);
      }),
    );
  });
});

describe('a decoder between its user and its process', () => {
  it('drops reports between a flush and its confirmation, and lends their targets again', async () => {
    const { decoder, sent, events } = running();
    const before = events.length;
    const flushed = decoder.flush();
    decoder.hear(picture(7, 0));
    decoder.hear({ kind: 'inputDone', stream: 1, id: 0, ok: 1 });
    decoder.hear({ kind: 'confirmed', stream: 1 });
    await flushed;
    expect(events).toHaveLength(before);
    expect(sent.slice(-2).map(({ kind }) => kind)).toEqual(['flush', 'supply']);
    // The input is free: its number may be lent again.
    decoder.decode({ id: 0, memory: arena(0, 100), offset: 0, length: 1, mayContinue: false });
    decoder.hear(picture(7, 0));
    expect(events.at(-1)?.[0]).toBe('picture');
  });

  it('tells of a picture in guest memory once it is copied there, in the order of pictures', async () => {
    const { decoder, events, stores } = running(true);
    decoder.drain();
    decoder.hear(picture(7, 0));
    decoder.hear({ kind: 'inputDone', stream: 1, id: 0, ok: 1 });
    decoder.hear({ kind: 'drained', stream: 1 });
    await Promise.resolve();
    expect(events.map(([name]) => name)).toEqual(['format']);
    stores[0]?.();
    await expect.poll(() => events.map(([name]) => name)).toEqual(['format', 'picture', 'inputDone', 'drained']);
  });

  it('lends no target to its process that was recalled while an input was copied', async () => {
    const { decoder, sent, loads } = running(false, 'slow');
    const guest = { kind: 'guest', ranges: [{ address: 0, length: 100 }], length: 100 } as const;
    decoder.decode({ id: 1, memory: guest, offset: 0, length: 100, mayContinue: false });
    decoder.supply({ id: 8, planes: [arena(131072, SIZE)] });
    const recalled = decoder.recall();
    decoder.hear({ kind: 'confirmed', stream: 1 });
    for (const load of loads) load();
    await recalled;
    await new Promise((resolve) => setImmediate(resolve));
    expect(sent.filter(({ kind }) => kind === 'decode')).toHaveLength(2);
    expect(sent.flatMap((request) => (request.kind === 'supply' ? [request.id] : []))).toEqual([7]);
    // The next user of the target's number is lent as ever.
    decoder.supply({ id: 8, planes: [arena(131072, SIZE)] });
    decoder.hear(picture(8, 1));
    expect(sent.at(-1)).toMatchObject({ kind: 'supply', id: 8 });
  });

  it('does not resolve a recall, a close or a death while a copy is in flight', async () => {
    for (const act of ['recall', 'close', 'end'] as const) {
      const { decoder, stores, forgotten } = running(true);
      decoder.hear(picture(7, 0));
      let over = false;
      const done = (act === 'end' ? decoder.end('it is dead') : decoder[act]()).then(() => {
        over = true;
      });
      if (act !== 'end') decoder.hear({ kind: 'confirmed', stream: 1 });
      await new Promise((resolve) => setTimeout(resolve, 5));
      expect(over).toBe(false);
      stores[0]?.();
      await done;
      expect(forgotten).toEqual(act === 'recall' ? [] : [1]);
    }
  });

  it('refuses calls that no user of the port may make', () => {
    const { decoder } = make();
    expect(() => decoder.supply({ id: 1, planes: [arena(0, SIZE)] })).toThrow(CodecError);
    expect(() => decoder.decode({ id: 1, memory: arena(0, 10), offset: 5, length: 6, mayContinue: false })).toThrow(CodecError);
    decoder.hear(FORMAT);
    expect(() => decoder.setOutput(pictureLayout(V4L2_PIX_FMT_NV12, 32, 48) as never)).toThrow(/cannot hold/);
    decoder.setOutput(pictureLayout(V4L2_PIX_FMT_NV12, 64, 48) as never);
    expect(() => decoder.supply({ id: 1, planes: [arena(0, SIZE - 1)] })).toThrow(/needs/);
  });
});
