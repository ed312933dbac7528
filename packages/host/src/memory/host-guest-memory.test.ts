// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { copyMemory, MemoryMapping, mappingsOf, memfd } from '../sys/index.ts';
import { HostGuestMemory } from './index.ts';

const MIB = 1 << 20;

function region(name: string, offset: number, length: number): MemoryMapping {
  using fd = memfd(name, offset + length);
  return MemoryMapping.map(fd, offset, length, { writable: true });
}

describe('guest memory in this process', () => {
  it('resolves scatter lists across regions to addresses that a copy can use', () => {
    using memory = new HostGuestMemory();
    memory.addMapping(MIB, region('resolve', 0, MIB));
    memory.addMapping(0, region('resolve', 0, MIB));
    memory.addMapping(4 * 2 ** 30, region('resolve', 4096, MIB));
    const resolved = memory.resolve([
      { address: MIB - 4, length: 8 },
      { address: 99, length: 0 },
      { address: 4 * 2 ** 30 + 16, length: 2 },
    ]);
    if (resolved === undefined) throw new TypeError('not resolved');
    expect(resolved.pieces.map((piece) => piece.length)).toEqual([4, 4, 2]);
    using source = region('source', 0, 4096);
    source.bytes().set([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    let from = source.address;
    for (const { address, length } of resolved.pieces) {
      copyMemory(address, from, length);
      from += length;
    }
    resolved.pin[Symbol.dispose]();
    const low = new Uint8Array(8);
    const high = new Uint8Array(2);
    expect(memory.read(MIB - 4, low) && memory.read(4 * 2 ** 30 + 16, high)).toBe(true);
    expect([...low, ...high]).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  });

  it('VU-V14: resolves nothing if any byte is missing, whatever the numbers', () => {
    using memory = new HostGuestMemory();
    memory.addMapping(4096, region('missing', 0, 8192));
    for (const [address, length] of [
      [4095, 2],
      [12287, 2],
      [4096, 2 ** 53],
      [-1, 2],
      [Number.NaN, 1],
      [0.5, 1],
      [2 ** 53 - 1, 2],
    ] as const) {
      expect(
        memory.resolve([
          { address: 4096, length: 4 },
          { address, length },
        ]),
        `${address}+${length}`,
      ).toBeUndefined();
    }
    memory.clear();
    expect(mappingsOf('/memfd:missing')).toBe(0);
  });

  it('drops the view of a removed region at once, and its memory after the last copy', () => {
    using memory = new HostGuestMemory();
    memory.addMapping(0, region('removed', 0, 8192));
    const window = memory.window(0, 16);
    const generation = memory.generation;
    const resolved = memory.resolve([{ address: 0, length: 16 }]);
    expect(memory.removeRegion(0)).toBe(true);
    expect(memory.removeRegion(0)).toBe(false);
    expect(memory.generation).not.toBe(generation);
    expect(window?.bytes.length).toBe(0);
    expect(memory.covers(0, 1)).toBe(false);
    expect(memory.resolve([{ address: 0, length: 16 }])).toBeUndefined();
    expect(mappingsOf('/memfd:removed')).toBe(1);
    resolved?.pin[Symbol.dispose]();
    expect(mappingsOf('/memfd:removed')).toBe(0);
  });

  it('leaves a mapping that does not fit to its owner', () => {
    using memory = new HostGuestMemory();
    memory.addMapping(0, region('overlap', 0, 8192));
    using second = region('overlap', 0, 8192);
    expect(() => memory.addMapping(4096, second)).toThrow(/overlaps/);
    expect(second.open).toBe(true);
  });
});
