// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MemoryError, RegionMemory } from './index.ts';

const filled = (length: number, first = 0): Uint8Array => Uint8Array.from({ length }, (_, i) => (first + i) & 0xff);

function touching(): RegionMemory {
  const memory = new RegionMemory();
  memory.addRegion({ address: 0x1_0000_1000, bytes: filled(0x100, 0) });
  memory.addRegion({ address: 0x1_0000_1100, bytes: filled(0x100, 100) });
  memory.addRegion({ address: 0x1000, bytes: filled(0x10) });
  return memory;
}

describe('RegionMemory', () => {
  test('VU-V10: a read runs across regions that touch, and stops at the end of the last one', () => {
    const memory = touching();
    const into = new Uint8Array(4);
    expect(memory.read(0x1_0000_10fe, into)).toBe(true);
    expect([...into]).toEqual([254, 255, 100, 101]);
    expect(memory.read(0x1_0000_11fc, into)).toBe(true);
    expect(memory.read(0x1_0000_11fd, into)).toBe(false);
    expect(memory.covers(0x1_0000_1000, 0x200)).toBe(true);
    expect(memory.covers(0x1_0000_1000, 0x201)).toBe(false);
  });

  test('a write that is not wholly covered writes nothing', () => {
    const memory = touching();
    expect(memory.write(0x1_0000_11fe, filled(3, 7))).toBe(false);
    const tail = new Uint8Array(2);
    memory.read(0x1_0000_11fe, tail);
    expect([...tail]).toEqual([...filled(0x100, 100).subarray(0xfe)]);
    expect(memory.write(0x1_0000_10fc, filled(64, 1))).toBe(true);
    const back = new Uint8Array(64);
    memory.read(0x1_0000_10fc, back);
    expect(back).toEqual(filled(64, 1));
  });

  test('a window lies in one region', () => {
    const memory = touching();
    expect(memory.window(0x1_0000_10f0, 0x10)?.bytes[0]).toBe(0xf0);
    expect(memory.window(0x1_0000_10f0, 0x11)).toBeUndefined();
    expect(memory.window(0x1_0000_1100, 1)?.view.getUint8(0)).toBe(100);
  });

  test('numbers that are no addresses are not covered, and nothing throws', () => {
    const memory = touching();
    for (const bad of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, -(2 ** 53)]) {
      expect(memory.covers(bad, 1)).toBe(false);
      expect(memory.covers(0x1000, bad)).toBe(false);
      expect(memory.read(bad, new Uint8Array(1))).toBe(false);
      expect(memory.write(bad, new Uint8Array(1))).toBe(false);
      expect(memory.window(bad, 1)).toBeUndefined();
      expect(memory.window(0x1000, bad)).toBeUndefined();
    }
    expect(memory.covers(Number.MAX_SAFE_INTEGER, 1)).toBe(false);
    expect(memory.covers(Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER)).toBe(false);
  });

  test('length 0 is covered anywhere', () => {
    expect(touching().covers(0x5555, 0)).toBe(true);
    expect(touching().read(0x5555, new Uint8Array(0))).toBe(true);
  });

  test('VU-V5: a region that is empty, overlaps or overflows is refused with its reason', () => {
    const memory = touching();
    const add = (address: number, length: number) => () => memory.addRegion({ address, bytes: new Uint8Array(length) });
    expect(add(0x100f, 1)).toThrow(MemoryError);
    expect(add(0xff0, 0x11)).toThrow(/overlaps 0x1000\+0x10/);
    expect(add(0x2000, 0)).toThrow(/empty/);
    expect(add(Number.MAX_SAFE_INTEGER, 1)).toThrow(MemoryError);
    expect(add(-1, 1)).toThrow(MemoryError);
    expect(add(1.5, 1)).toThrow(MemoryError);
    expect(add(0x1010, 1)).not.toThrow();
    expect(add(0xfff, 1)).not.toThrow();
  });

  test('the generation moves with every change of the table', () => {
    const memory = touching();
    const before = memory.generation;
    expect(memory.removeRegion(0x1001)).toBe(false);
    expect(memory.generation).toBe(before);
    expect(memory.removeRegion(0x1000)).toBe(true);
    expect(memory.generation).toBe(before + 1);
    expect(memory.covers(0x1000, 1)).toBe(false);
    memory.addRegion({ address: 0x1000, bytes: new Uint8Array(1) });
    expect(memory.generation).toBe(before + 2);
  });

  test('it agrees with a naive map of bytes under random tables and accesses', () => {
    const region = fc.record({ address: fc.integer({ min: 0, max: 300 }), length: fc.integer({ min: 1, max: 60 }) });
    const access = fc.record({
      kind: fc.constantFrom('read', 'write', 'window', 'covers', 'remove'),
      address: fc.integer({ min: 0, max: 380 }),
      length: fc.integer({ min: 0, max: 120 }),
      value: fc.nat(255),
    });
    fc.assert(
      fc.property(fc.array(region, { maxLength: 8 }), fc.array(access, { maxLength: 40 }), (regions, accesses) => {
        const memory = new RegionMemory();
        const model = new Map<number, { owner: number; value: number }>();
        const lengths = new Map<number, number>();
        for (const { address, length } of regions) {
          const clash = Array.from({ length }, (_, i) => model.has(address + i)).some(Boolean);
          const bytes = filled(length, address);
          if (clash) {
            expect(() => memory.addRegion({ address, bytes })).toThrow(MemoryError);
            continue;
          }
          memory.addRegion({ address, bytes });
          lengths.set(address, length);
          for (let i = 0; i < length; i++) model.set(address + i, { owner: address, value: (address + i) & 0xff });
        }
        for (const { kind, address, length, value } of accesses) {
          const cells = Array.from({ length }, (_, i) => model.get(address + i));
          const covered = cells.every((cell) => cell !== undefined);
          const values = cells.map((cell) => cell?.value ?? -1);
          if (kind === 'covers') expect(memory.covers(address, length)).toBe(covered);
          if (kind === 'read') {
            const into = new Uint8Array(length);
            expect(memory.read(address, into)).toBe(covered);
            if (covered) expect([...into]).toEqual(values);
          }
          if (kind === 'write') {
            expect(memory.write(address, new Uint8Array(length).fill(value))).toBe(covered);
            if (covered) for (const cell of cells) if (cell !== undefined) cell.value = value;
          }
          if (kind === 'window' && length > 0) {
            const one = covered && cells.every((cell) => cell?.owner === cells[0]?.owner);
            const window = memory.window(address, length);
            expect(window !== undefined).toBe(one);
            if (window !== undefined) expect([...window.bytes]).toEqual(values);
          }
          if (kind === 'remove') {
            const own = lengths.get(address);
            expect(memory.removeRegion(address)).toBe(own !== undefined);
            lengths.delete(address);
            for (let i = 0; i < (own ?? 0); i++) model.delete(address + i);
          }
        }
      }),
      { numRuns: 500 },
    );
  });

  test('tells how many regions a range lies in, and whether it is covered, at the cost of a few looks for any length', () => {
    const memory = new RegionMemory();
    let looks = 0;
    const counted = (length: number): Uint8Array =>
      new Proxy(new Uint8Array(length), {
        get: (target, key) => {
          looks++;
          return Reflect.get(target, key, target);
        },
      });
    for (let i = 0; i < 4080; i++) memory.addRegion({ address: 4096 * i + (i < 2000 ? 0 : 65536), bytes: counted(4096) });
    memory.covers(0, 1);
    looks = 0;
    for (let i = 0; i < 1000; i++) {
      expect(memory.covers(4096, 4096 * 1999)).toBe(true);
      expect(memory.pieces(100, 4096 * 1999)).toBe(2000);
      expect(memory.covers(4096, 4096 * 1999 + 1)).toBe(false);
    }
    expect(looks).toBeLessThan(3 * 1000 * 64);
    expect([memory.pieces(0, 0), memory.pieces(4095, 2), memory.pieces(4096 * 2000, 1), memory.pieces(-1, 5)]).toEqual([
      0, 2, 0, 0,
    ]);
    memory.removeRegion(4096);
    expect([memory.covers(0, 4097), memory.pieces(0, 4096), memory.pieces(8192, 4096 * 1998)]).toEqual([false, 1, 1998]);
  });
});

describe('a table of many regions', () => {
  test('is changed with a few looks at it, however many regions there are', () => {
    const memory = new RegionMemory();
    const count = 4096;
    let looks = 0;
    const counted = (): Uint8Array =>
      Object.defineProperty(new Uint8Array(16), 'length', {
        get: () => {
          looks += 1;
          return 16;
        },
      });
    // Without order, for neither end of the table may be the dear one.
    const addresses = Array.from({ length: count }, (_, i) => 64 * ((i * 1597) % count));
    for (const address of addresses) memory.addRegion({ address, bytes: counted() });
    expect(looks).toBeLessThan(20 * count);
    expect(memory.regions.map(({ address }) => address)).toEqual([...addresses].sort((a, b) => a - b));
    expect(() => memory.addRegion({ address: 64 * 100 - 1, bytes: new Uint8Array(2) })).toThrow(MemoryError);
    expect(() => memory.addRegion({ address: 64 * 100 + 15, bytes: new Uint8Array(1) })).toThrow(MemoryError);
    for (const address of addresses.slice(1)) expect(memory.removeRegion(address)).toBe(true);
    expect(memory.removeRegion(64)).toBe(false);
    expect(memory.regions).toHaveLength(1);
  });
});
