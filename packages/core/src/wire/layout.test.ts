// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from 'vitest';
import { addr64, array, bytes, pad, s32, s64, struct, u8, u16, u32, u64, union } from './layout.ts';
import { WireError } from './wire-error.ts';

const view = (length = 64): DataView => new DataView(new ArrayBuffer(length));

describe('struct', () => {
  test('refuses a field out of its natural alignment, unless packed', () => {
    expect(() => struct('x', 5, { a: u8, b: u32 })).toThrow(/x\.b at 1 is not aligned to 4/);
    expect(struct('x', 5, { a: u8, b: u32 }, { packed: true }).fields.b.offset).toBe(1);
    expect(() => struct('x', 12, { a: u32, b: u64 })).toThrow(WireError);
  });

  test('refuses a table that does not add up to the declared size', () => {
    expect(() => struct('x', 8, { a: u32 })).toThrow(/x has 4 bytes, declared 8/);
    expect(struct('x', 8, { a: u32, _pad4: pad(4) }).size).toBe(8);
  });

  test('reads and writes little-endian at base plus offset, in a view that starts anywhere', () => {
    const s = struct('x', 24, { a: u32, b: u16, c: u8, _pad7: pad(1), d: s32, _pad12: pad(4), e: s64 });
    const whole = new Uint8Array(64);
    const v = new DataView(whole.buffer, 3, 40);
    s.fields.a.set(v, 8, 0x01020304);
    s.fields.b.set(v, 8, 0x0506);
    s.fields.c.set(v, 8, 7);
    s.fields.d.set(v, 8, -2);
    s.fields.e.set(v, 8, -3n);
    expect([...whole.subarray(11, 35)]).toEqual([
      4,
      3,
      2,
      1,
      6,
      5,
      7,
      0,
      254,
      255,
      255,
      255,
      0,
      0,
      0,
      0,
      253,
      ...new Array(7).fill(255),
    ]);
    expect(s.fields.d.get(v, 8)).toBe(-2);
    expect(s.fields.e.get(v, 8)).toBe(-3n);
  });

  test('has the fields of a nested struct and of an array at their place', () => {
    const inner = struct('inner', 8, { a: u32, b: u32 });
    const outer = struct('outer', 28, { head: u32, items: array(inner, 3) });
    const v = view();
    outer.fields.items.at(2).fields.b.set(v, 1, 9);
    expect(v.getUint32(1 + 4 + 2 * 8 + 4, true)).toBe(9);
    expect(outer.fields.items).toMatchObject({ offset: 4, stride: 8, length: 3, size: 24 });
    expect(() => outer.fields.items.at(3)).toThrow(/index 3 is outside an array of 3/);
  });

  test('has unions, whose members share their bytes and must fit', () => {
    const both = union('both', 8, { small: u32, large: u64 });
    const v = view();
    both.fields.large.set(v, 0, 0x1_0000_0002n);
    expect(both.fields.small.get(v, 0)).toBe(2);
    expect(() => union('both', 4, { large: u64 })).toThrow(/large has 8 bytes, the union 4/);
  });
});

describe('addr64', () => {
  const s = struct('x', 8, { a: addr64 }).fields.a;

  test.each([0, 1, 0xffff_ffff, 0x1_0000_0000, 0x1_2345_6789_a000, Number.MAX_SAFE_INTEGER])('carries %d', (value) => {
    const v = view();
    s.set(v, 0, value);
    expect(s.get(v, 0)).toBe(value);
    expect(v.getBigUint64(0, true)).toBe(BigInt(value));
  });

  test('reads an address that no number can name as Infinity, and refuses to write one', () => {
    const v = view();
    for (const value of [1n << 53n, 0xffff_ffff_ffff_ffffn]) {
      v.setBigUint64(0, value, true);
      expect(s.get(v, 0)).toBe(Number.POSITIVE_INFINITY);
    }
    for (const value of [-1, 0.5, 2 ** 53, Number.NaN]) expect(() => s.set(v, 0, value)).toThrow(WireError);
  });
});

describe('bytes', () => {
  const s = struct('x', 8, { a: u32, b: bytes(4) }).fields.b;

  test('are copied by `get`; `set` fills up with zeroes and refuses too much', () => {
    const v = view();
    s.set(v, 8, Uint8Array.of(1, 2, 3, 4));
    const copy = s.get(v, 8);
    s.set(v, 8, Uint8Array.of(9));
    expect([...copy]).toEqual([1, 2, 3, 4]);
    expect([...s.get(v, 8)]).toEqual([9, 0, 0, 0]);
    expect(() => s.set(v, 8, new Uint8Array(5))).toThrow(/5 bytes do not fit a field of 4/);
  });
});
