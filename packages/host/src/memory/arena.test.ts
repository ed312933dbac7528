// SPDX-License-Identifier: Apache-2.0
import { ARENA_ALIGN } from '@paravideo/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fileSize, mappingsOf, memoryKind, openDescriptors, residentSize } from '../sys/index.ts';
import { Arena, ArenaError, MAX_ARENA_BYTES, MemoryBudget } from './index.ts';

const MIB = 1 << 20;

describe('an arena', () => {
  it('is a sealed memfd with one descriptor and one mapping, and leaves nothing', () => {
    const before = openDescriptors();
    const arena = Arena.create('arena-test', 100_000);
    expect(fileSize(arena.fd)).toBe(2 * ARENA_ALIGN);
    expect(memoryKind(arena.fd)).toBe('sealed');
    expect(openDescriptors()).toBe(before + 1);
    expect(mappingsOf('/memfd:arena-test')).toBe(1);
    const late = arena.allocate(1);
    arena[Symbol.dispose]();
    late?.release();
    expect(arena.allocate(1)).toBeUndefined();
    expect(openDescriptors()).toBe(before);
    expect(mappingsOf('/memfd:arena-test')).toBe(0);
  });

  it('gives out aligned blocks, nothing for length 0, and undefined when it is full', () => {
    using arena = Arena.create('t', 4 * ARENA_ALIGN);
    expect(arena.allocate(0)).toBeUndefined();
    expect(arena.allocate(-1)).toBeUndefined();
    expect(arena.allocate(1.5)).toBeUndefined();
    expect(arena.allocate(Number.NaN)).toBeUndefined();
    expect(arena.allocate(2 ** 53)).toBeUndefined();
    const a = arena.allocate(1);
    const b = arena.allocate(ARENA_ALIGN + 1);
    expect([a?.offset, a?.length, b?.offset, b?.length]).toEqual([0, 1, ARENA_ALIGN, ARENA_ALIGN + 1]);
    expect(arena.allocated).toBe(3 * ARENA_ALIGN);
    expect(arena.allocate(2 * ARENA_ALIGN)).toBeUndefined();
    a?.release();
    b?.release();
    expect(arena.allocated).toBe(0);
    expect(arena.allocate(4 * ARENA_ALIGN)?.offset).toBe(0);
  });

  it('keeps a block until its last reference is gone, then gives its pages back as zeros', async () => {
    using arena = Arena.create('t', 2 * ARENA_ALIGN);
    const bytes = arena.mapping.bytes();
    const block = arena.allocate(2 * ARENA_ALIGN);
    if (block === undefined) throw new TypeError('no block');
    bytes.fill(0xff);
    block.retain();
    block.release();
    expect(arena.allocate(1)).toBeUndefined();
    expect(bytes[5]).toBe(0xff);
    block.release();
    await arena.settled();
    expect(residentSize(arena.fd)).toBe(0);
    expect(bytes.every((byte) => byte === 0)).toBe(true);
    expect(() => block.release()).toThrow(ArenaError);
    expect(() => block.retain()).toThrow(/after its last reference/);
  });

  it('gives many pages back in another thread, for which only an allocation waits that needs them', async () => {
    const size = 64 * MIB;
    const budget = new MemoryBudget(size);
    using arena = Arena.create('t', size, undefined, budget);
    arena.allocate(size)?.release();
    await arena.settled();
    const block = arena.allocate(size);
    arena.mapping.bytes().fill(0xff);
    block?.release();
    expect(arena.allocated).toBe(0);
    // A few are given back at once to who needs them.
    expect(arena.allocate(4 * MIB)?.offset).toBe(0);
    expect(arena.allocate(8 * MIB)).toBeUndefined();
    expect([residentSize(arena.fd), budget.used]).toEqual([size - 8 * MIB, size - 4 * MIB]);
    await arena.settled();
    expect([residentSize(arena.fd), budget.used]).toEqual([0, 4 * MIB]);
    expect(arena.allocate(size - 4 * MIB)?.offset).toBe(4 * MIB);
    expect(arena.settled()).toBeUndefined();
  });

  it('may end while another thread gives its pages back', async () => {
    const before = openDescriptors();
    const budget = new MemoryBudget(MAX_ARENA_BYTES);
    const arena = Arena.create('t', 64 * MIB, undefined, budget);
    const block = arena.allocate(64 * MIB);
    arena.mapping.bytes().fill(0xff);
    block?.release();
    await new Promise((resolve) => setImmediate(resolve));
    const settled = arena.settled();
    expect(settled).toBeDefined();
    arena[Symbol.dispose]();
    expect(budget.used).toBe(0);
    await settled;
    expect([openDescriptors(), budget.used]).toEqual([before, 0]);
  });

  it('refuses sizes whose offsets would not fit in 32 bits', () => {
    expect(() => Arena.create('t', 0)).toThrow(ArenaError);
    expect(() => Arena.create('t', 2 ** 31 + 1)).toThrow(ArenaError);
  });

  it('never lets live blocks overlap, and is whole again at the end (against a naive model)', () => {
    const pages = 40;
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 1, max: 9 * ARENA_ALIGN }))), (steps) => {
        using arena = Arena.create('t', pages * ARENA_ALIGN);
        const owner = new Array<number>(pages).fill(0);
        const live: { id: number; release(): void }[] = [];
        let id = 0;
        for (const [allocate, n] of steps) {
          if (!allocate) {
            const [victim] = live.splice(n % Math.max(1, live.length), 1);
            victim?.release();
            for (let i = 0; i < pages; i++) if (owner[i] === victim?.id) owner[i] = 0;
            continue;
          }
          const block = arena.allocate(n);
          const need = Math.ceil(n / ARENA_ALIGN);
          let run = 0;
          const fits = owner.some((page) => {
            run = page === 0 ? run + 1 : 0;
            return run === need;
          });
          expect(block !== undefined).toBe(fits);
          if (block === undefined) continue;
          id += 1;
          expect(block.offset % ARENA_ALIGN).toBe(0);
          for (let i = 0; i < need; i++) {
            expect(owner[block.offset / ARENA_ALIGN + i]).toBe(0);
            owner[block.offset / ARENA_ALIGN + i] = id;
          }
          live.push({ id, release: () => block.release() });
          expect(arena.allocated).toBe(owner.filter((page) => page !== 0).length * ARENA_ALIGN);
        }
        for (const block of live) block.release();
        expect(arena.allocated).toBe(0);
        expect(arena.allocate(pages * ARENA_ALIGN)).toBeDefined();
      }),
      { numRuns: 60 },
    );
  });
});
