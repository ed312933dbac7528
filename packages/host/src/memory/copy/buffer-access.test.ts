// SPDX-License-Identifier: Apache-2.0
import type { BufferMemory, PlaneStorage } from '@paravideo/core';
import { type BufferAccessFixture, bufferAccessSuite } from '@paravideo/core/conformance';
import { describe, it } from 'vitest';
import { MemoryMapping, memfd } from '../../sys/index.ts';
import { Arena, HostGuestMemory } from '../index.ts';
import { CopyPool } from './copy-pool.ts';

const REGION = 1 << 19;
const BASE = 0x4000_0000;

/** A copy pool between an arena and a guest of two regions that touch; `storage` decides where a producer has its bytes. */
function fixture(storage: 'heap' | 'mapped'): BufferAccessFixture {
  const pool = CopyPool.start(2);
  const arena = Arena.create('buffer-access-test', 1 << 23);
  const memory = new HostGuestMemory();
  for (const address of [BASE, BASE + REGION]) {
    using fd = memfd('buffer-access-guest', REGION);
    memory.addMapping(address, MemoryMapping.map(fd, 0, REGION, { writable: true }));
  }
  const producers: MemoryMapping[] = [];
  const mapped = (length: number): MemoryMapping => {
    using fd = memfd('buffer-access-producer', length);
    const mapping = MemoryMapping.map(fd, 0, length, { writable: true });
    producers.push(mapping);
    return mapping;
  };
  let next = BASE + REGION - 500;
  const pieces = (
    of: BufferMemory,
  ): readonly { read: (into: Uint8Array) => void; write: (from: Uint8Array) => void; length: number }[] => {
    if (of.kind === 'arena') {
      const bytes = arena.mapping.bytes().subarray(of.offset, of.offset + of.length);
      return [{ read: (into) => into.set(bytes), write: (from) => bytes.set(from), length: of.length }];
    }
    let left = of.length;
    return of.ranges.map(({ address, length: all }) => {
      const length = Math.min(all, left);
      left -= length;
      return { read: (into) => void memory.read(address, into), write: (from) => void memory.write(address, from), length };
    });
  };
  return {
    access: pool.access({ arena, memory }),
    arena: (length) => ({ kind: 'arena', offset: arena.allocate(length)?.offset ?? 0, length }),
    guest: (length) => {
      const address = next;
      next += length + 100;
      return { address, length };
    },
    absent: { address: 0x9000_0000, length: 4096 },
    read: (from) => {
      const bytes = new Uint8Array(from.length);
      let at = 0;
      for (const piece of pieces(from)) {
        piece.read(bytes.subarray(at, at + piece.length));
        at += piece.length;
      }
      return bytes;
    },
    write: (to, bytes) => {
      let at = 0;
      for (const piece of pieces(to)) {
        piece.write(bytes.subarray(at, at + piece.length));
        at += piece.length;
      }
    },
    storage: (bytes): PlaneStorage => {
      if (storage === 'heap') return { kind: 'bytes', bytes };
      const mapping = mapped(bytes.length);
      mapping.bytes().set(bytes);
      return { kind: 'address', address: mapping.address, length: bytes.length };
    },
    room: (length) => {
      const mapping = mapped(length);
      return { storage: { kind: 'address', address: mapping.address, length }, bytes: mapping.bytes() };
    },
    close: async () => {
      await pool.close();
      for (const mapping of producers) mapping[Symbol.dispose]();
      memory[Symbol.dispose]();
      arena[Symbol.dispose]();
    },
  };
}

for (const storage of ['heap', 'mapped'] as const) {
  describe(`a copy pool is a BufferAccess, for producers' memory that is ${storage}`, () => {
    for (const each of bufferAccessSuite(() => fixture(storage))) it(each.title, each.run);
  });
}
