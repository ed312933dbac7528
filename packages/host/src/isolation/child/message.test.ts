// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Backoff, ChildProtocolError, encodeMessages, MAX_MESSAGE_NUMBERS, MessageReader, MessageSet } from './index.ts';

const number = fc.maxSafeInteger();
const message = fc.array(number, { minLength: 1, maxLength: MAX_MESSAGE_NUMBERS });

describe('messages between processes', () => {
  it('arrive as they were sent, whatever the pieces', () => {
    fc.assert(
      fc.property(fc.array(message), fc.array(fc.integer({ min: 1, max: 700 })), (messages, pieces) => {
        const bytes = encodeMessages(messages);
        const reader = new MessageReader();
        const heard: (readonly number[])[] = [];
        let at = 0;
        for (const piece of [...pieces, bytes.length]) {
          reader.push(bytes.subarray(at, at + piece), (each) => heard.push(each));
          at += piece;
        }
        // Numbers have no sign of zero here.
        expect(heard.map((each) => each.map((value) => value + 0))).toEqual(
          messages.map((each) => each.map((value) => value + 0)),
        );
      }),
    );
  });

  it('are safe integers and nothing else, and only so many', () => {
    for (const bad of [[], [0.5], [Number.NaN], [2 ** 53], new Array(MAX_MESSAGE_NUMBERS + 1).fill(0)]) {
      expect(() => encodeMessages([bad])).toThrow(ChildProtocolError);
    }
    const reader = (bytes: number[]) => () => new MessageReader().push(Uint8Array.from(bytes), () => {});
    expect(reader([0, 0, 0, 0])).toThrow(/0 bytes/);
    expect(reader([7, 0, 0, 0])).toThrow(ChildProtocolError);
    expect(reader([255, 255, 255, 255])).toThrow(ChildProtocolError);
    expect(reader([8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xf0, 0x7f])).toThrow(/Infinity/);
    expect(reader([8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xe0, 0x3f])).toThrow(/0.5/);
  });

  it('survive any bytes with at most a ChildProtocolError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2000 }), (bytes) => {
        try {
          new MessageReader().push(bytes, (each) => expect(each.every(Number.isSafeInteger)).toBe(true));
        } catch (error) {
          expect(error).toBeInstanceOf(ChildProtocolError);
        }
      }),
    );
  });

  it('have a kind and names, and lists only where the table has one', () => {
    const set = new MessageSet({ one: ['a', 'b'], two: ['c', '...list'], three: [] } as const);
    expect(set.encode({ kind: 'one', a: 5, b: 6 })).toEqual([0, 5, 6]);
    expect(set.decode([0, 5, 6])).toEqual({ kind: 'one', a: 5, b: 6 });
    expect(set.decode(set.encode({ kind: 'two', c: 1, rest: [2, 3] }))).toEqual({ kind: 'two', c: 1, rest: [2, 3] });
    for (const bad of [[], [3], [-1], [0, 1], [0, 1, 2, 3], [2, 0], [1]])
      expect(() => set.decode(bad)).toThrow(ChildProtocolError);
  });
});

describe('the waits between restarts', () => {
  it('are none at first, then double up to a limit, and are forgotten after a long life', () => {
    const backoff = new Backoff({ first: 100, longest: 500, forgetAfter: 1000 });
    const waits = [0, 1, 2, 3, 4, 5].map((now) => {
      backoff.started(now);
      return backoff.died(now);
    });
    expect(waits).toEqual([0, 100, 200, 400, 500, 500]);
    backoff.started(10);
    expect(backoff.died(1010)).toBe(0);
  });
});
