// SPDX-License-Identifier: Apache-2.0
import { HeapArena } from '@paravideo/core';
import { describe, expect, it } from 'vitest';
import { Staging } from './staging.ts';

describe('staging', () => {
  it('uses a block again for its own stream, and never shows one to another stream', () => {
    const arena = new HeapArena(1 << 20);
    const [one, two] = [new Staging(arena), new Staging(arena)];
    const block = one.take(100_000);
    if (block === undefined) throw new RangeError('no block');
    arena.bytes.fill(0xa5, block.offset, block.offset + block.length);
    one.give([block]);
    const other = two.take(100_000);
    if (other === undefined) throw new RangeError('no block');
    expect(arena.bytes.subarray(other.offset, other.offset + other.length).some((byte) => byte !== 0)).toBe(false);
    expect(one.take(60_000)).toBe(block);
  });

  it('gives back what a full arena needs: spare blocks of this stream and of the others', () => {
    const arena = new HeapArena(4 * 65536);
    const all: Staging[] = [];
    const make = (): Staging => {
      const staging = new Staging(arena, () => {
        for (const other of all) other.trim();
      });
      all.push(staging);
      return staging;
    };
    const [one, two] = [make(), make()];
    const small = [one.take(65536), two.take(65536)];
    if (small[0] === undefined || small[1] === undefined) throw new RangeError('no block');
    one.give([small[0]]);
    two.give([small[1]]);
    const large = two.take(4 * 65536);
    expect(large?.length).toBe(4 * 65536);
    expect(one.take(1)).toBeUndefined();
    expect(arena.blocks).toBe(1);
  });

  it('keeps nothing after its end', () => {
    const arena = new HeapArena(1 << 20);
    const staging = new Staging(arena);
    const [spare, out] = [staging.take(10), staging.take(200_000)];
    if (spare === undefined || out === undefined) throw new RangeError('no block');
    staging.give([spare]);
    staging.close();
    expect(arena.blocks).toBe(1);
    staging.give([out]);
    expect(arena.blocks).toBe(0);
  });
});
