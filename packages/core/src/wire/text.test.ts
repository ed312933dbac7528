// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeUtf8, encodeUtf8 } from './text.ts';

describe('the coding of names in UTF-8', () => {
  test('is that of the platform, both ways', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(encodeUtf8(text, 1000)).toEqual(new Uint8Array(new TextEncoder().encode(text)));
        expect(decodeUtf8(encodeUtf8(text, 1000))).toBe(text.toWellFormed().split('\0')[0]);
      }),
    );
  });

  test('cuts a name between characters', () => {
    expect([...encodeUtf8('aé€', 5)]).toEqual([0x61, 0xc3, 0xa9]);
    expect(encodeUtf8('aé€', 6).length).toBe(6);
  });

  test.each([
    ['a lead alone', [0xc3], 1],
    ['a stray continuation', [0x80], 1],
    ['NUL in two bytes', [0xc0, 0x80], 2],
    ['NUL in three bytes', [0xe0, 0x80, 0x80], 1],
    ['a surrogate', [0xed, 0xa0, 0x80], 1],
    ['beyond U+10FFFF', [0xf4, 0x90, 0x80, 0x80], 1],
  ])('shows %s, which is no UTF-8, as U+FFFD', (_, bytes, count) => {
    expect(decodeUtf8(Uint8Array.from([0x61, ...bytes, 0x62]))).toBe(`a${'\ufffd'.repeat(count)}b`);
  });

  test('makes well-formed text of random bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        const text = decodeUtf8(bytes);
        expect(text.isWellFormed()).toBe(true);
        const strict = bytes.subarray(0, bytes.indexOf(0) < 0 ? undefined : bytes.indexOf(0));
        if (!text.includes('\ufffd')) expect(new TextEncoder().encode(text)).toEqual(new Uint8Array(strict));
      }),
    );
  });
});
