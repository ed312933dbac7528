// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { addressText, bit, clamp, clearBytes, roundToStep, roundUp, sameBytes, words } from './index.ts';

describe('bits', () => {
  it('have values beyond the 32nd', () => {
    expect([bit(0), bit(32), bit(63)]).toEqual([1n, 0x1_0000_0000n, 0x8000_0000_0000_0000n]);
  });
});

describe('bytes', () => {
  it('are the same if there are as many and each is the same', () => {
    expect(sameBytes(Uint8Array.of(1, 2), Uint8Array.of(1, 2))).toBe(true);
    expect(sameBytes(Uint8Array.of(1, 2), Uint8Array.of(1, 3))).toBe(false);
    expect(sameBytes(Uint8Array.of(1, 2), Uint8Array.of(1))).toBe(false);
  });

  it('are cleared inside the view alone', () => {
    const bytes = new Uint8Array(8).fill(9);
    const view = new DataView(bytes.buffer, 1, 6);
    clearBytes(view, 4, 1);
    expect([...bytes]).toEqual([9, 9, 9, 9, 9, 0, 9, 9]);
    clearBytes(view, 2);
    expect([...bytes]).toEqual([9, 9, 9, 0, 0, 0, 0, 9]);
    clearBytes(view);
    expect([...bytes]).toEqual([9, 0, 0, 0, 0, 0, 0, 9]);
  });

  it('are made of words', () => {
    expect([...words(1, 0xffff_fffe)]).toEqual([1, 0, 0, 0, 0xfe, 0xff, 0xff, 0xff]);
  });

  it('have an address that people can read, whatever number it is', () => {
    expect([0x1000, -1, 1.5, Number.NaN, 2 ** 53].map(addressText)).toEqual(['0x1000', '-1', '1.5', 'NaN', '9007199254740992']);
    expect(addressText(Number.POSITIVE_INFINITY)).toBe('an address above 2^53');
  });
});

describe('numbers', () => {
  it('are rounded up to a unit', () => {
    expect([roundUp(0, 16), roundUp(1, 16), roundUp(16, 16), roundUp(17, 16)]).toEqual([0, 16, 16, 32]);
  });

  it('are kept in a range', () => {
    expect([clamp(-1, 0, 5), clamp(3, 0, 5), clamp(6, 0, 5)]).toEqual([0, 3, 5]);
  });

  it('are rounded to a step of a range, and stay in it', () => {
    expect([roundToStep(5, 2, 11, 4), roundToStep(12, 2, 11, 4), roundToStep(0, 2, 11, 4)]).toEqual([6, 10, 2]);
    expect(roundToStep(7, 0, 9, 0)).toBe(7);
  });
});
