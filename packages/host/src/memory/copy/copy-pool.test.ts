// SPDX-License-Identifier: Apache-2.0
import { randomBytes } from 'node:crypto';
import { readdirSync } from 'node:fs';
import type { BufferMemory, GuestRange, PlaneStorage } from '@paravideo/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Fd, MemoryMapping, mappingsOf, memfd, openDescriptors } from '../../sys/index.ts';
import { Arena, HostGuestMemory } from '../index.ts';
import { CopyError } from './copy-error.ts';
import { CopyPool } from './copy-pool.ts';

const PAGE = 4096;
const REGION = 64 * PAGE;

/** A guest with two regions, 1 GiB apart, and an arena. */
class Guest implements Disposable {
  readonly arena = Arena.create('copy-test', 1 << 20);
  readonly memory = new HostGuestMemory();
  readonly #fds: Fd[] = [];

  constructor() {
    this.add(0x1000_0000);
    this.add(0x5000_0000);
  }

  add(address: number): MemoryMapping {
    const fd = memfd('copy-test-guest', REGION);
    this.#fds.push(fd);
    const mapping = MemoryMapping.map(fd, 0, REGION, { writable: true });
    this.memory.addMapping(address, mapping);
    return mapping;
  }

  bytes(ranges: readonly GuestRange[]): Buffer {
    return Buffer.concat(
      ranges.map(({ address, length }) => {
        const part = Buffer.alloc(length);
        expect(this.memory.read(address, part)).toBe(true);
        return part;
      }),
    );
  }

  [Symbol.dispose](): void {
    this.memory[Symbol.dispose]();
    this.arena[Symbol.dispose]();
    for (const fd of this.#fds) fd.close();
  }
}

const inGuest = (...ranges: [address: number, length: number][]): Extract<BufferMemory, { kind: 'guest' }> => ({
  kind: 'guest',
  ranges: ranges.map(([address, length]) => ({ address, length })),
  length: ranges.reduce((sum, [, length]) => sum + length, 0),
});

/** A plane whose address is none: the thread throws when it comes to it, and ends, without touching any memory. */
const POISON: PlaneStorage = { kind: 'address', address: 'nowhere' as unknown as number, length: 8 };

describe('a copy pool', () => {
  let pool: CopyPool;
  let guest: Guest;

  beforeEach(() => {
    pool = CopyPool.start(2);
    guest = new Guest();
  });
  afterEach(async () => {
    await pool.close();
    guest[Symbol.dispose]();
  });

  it('scatters planes over guest memory that is cut at odd places, out of order and over two regions', async () => {
    const block = guest.arena.allocate(100_000);
    const source = randomBytes(100_000);
    guest.arena.mapping.bytes().set(source, block?.offset);
    const address = guest.arena.mapping.address + (block?.offset ?? 0);
    const first = inGuest([0x5000_0003, 1], [0x1000_0fff, 2], [0x5000_1001, 40_000 - 3]);
    const second = inGuest([0x1001_0001, 33_333], [0x1000_2000, 12_345], [0x1003_0007, 60_000 - 33_333 - 12_345]);
    const stored = await pool.access(guest).store(
      [
        { kind: 'address', address, length: 40_000 },
        { kind: 'address', address: address + 40_000, length: 60_000 },
      ],
      [first, second],
    );
    expect(stored).toBe(true);
    expect(guest.bytes(first.ranges).equals(source.subarray(0, 40_000))).toBe(true);
    expect(guest.bytes(second.ranges).equals(source.subarray(40_000))).toBe(true);
  });

  it('stores bytes of the heap, a snapshot of a part of a larger buffer, and no more than the target holds', async () => {
    const large = randomBytes(9000);
    const part = large.subarray(1000, 4000);
    const expected = Buffer.from(part);
    const target: BufferMemory = { kind: 'guest', ranges: [{ address: 0x1000_0001, length: 5000 }], length: 2500 };
    const storing = pool.access(guest).store([{ kind: 'bytes', bytes: part }], [target]);
    part.fill(0);
    expect(await storing).toBe(true);
    const after = guest.bytes(target.ranges);
    expect(after.subarray(0, 2500).equals(expected.subarray(0, 2500))).toBe(true);
    expect(after.subarray(2500).every((byte) => byte === 0)).toBe(true);
  });

  it('loads from an offset inside a scatter list into the arena', async () => {
    const list = inGuest([0x1000_0ffd, 5], [0x5000_0001, 7000], [0x1000_3003, 3000]);
    const content = randomBytes(10_005);
    guest.memory.write(0x1000_0ffd, content.subarray(0, 5));
    guest.memory.write(0x5000_0001, content.subarray(5, 7005));
    guest.memory.write(0x1000_3003, content.subarray(7005));
    const block = guest.arena.allocate(8000);
    const offset = block?.offset ?? 0;
    expect(await pool.access(guest).load(list, 3, { kind: 'arena', offset, length: 8000 })).toBe(true);
    const loaded = Buffer.from(guest.arena.mapping.bytes().subarray(offset, offset + 8000));
    expect(loaded.equals(content.subarray(3, 8003))).toBe(true);
  });

  it('answers false, and writes nothing, where guest memory is not there or the list is too short', async () => {
    const access = pool.access(guest);
    const bytes = randomBytes(100);
    const plane = { kind: 'bytes', bytes } as const;
    const good = inGuest([0x1000_0000, 100]);
    const hole = inGuest([0x1000_0000, 50], [0x2000_0000, 50]);
    const over = inGuest([0x1000_0000 + REGION - 50, 100]);
    const short: BufferMemory = { kind: 'guest', ranges: [{ address: 0x1000_0000, length: 99 }], length: 100 };
    const far: BufferMemory = { kind: 'arena', offset: guest.arena.size - 50, length: 100 };
    const results = await Promise.all([
      access.store([plane], [hole]),
      access.store([plane], [over]),
      access.store([plane], [short]),
      access.store([plane, plane], [good, hole]),
      access.store([plane, plane], [good]),
      access.store([plane], [far]),
      access.load(hole, 0, good),
      access.load(good, 1, good),
    ]);
    expect(results).toEqual(new Array(8).fill(false));
    expect(guest.bytes(good.ranges).every((byte) => byte === 0)).toBe(true);
    expect(await access.store([], [])).toBe(true);
  });

  it('keeps a region mapped while a copy runs that began before it was hot-removed', async () => {
    const mapped = mappingsOf('copy-test-guest');
    guest.add(0x9000_0000);
    const witness = guest.memory.window(0x9000_0000, REGION);
    const bytes = randomBytes(REGION);
    const access = pool.access(guest);
    const before = Array.from({ length: 8 }, () => access.store([{ kind: 'bytes', bytes }], [inGuest([0x9000_0000, REGION])]));
    guest.memory.removeRegion(0x9000_0000);
    expect(witness?.bytes.length).toBe(0);
    expect(mappingsOf('copy-test-guest')).toBe(mapped + 1);
    expect(await access.store([{ kind: 'bytes', bytes }], [inGuest([0x9000_0000, REGION])])).toBe(false);
    expect(await Promise.all(before)).toEqual(new Array(8).fill(true));
    expect(mappingsOf('copy-test-guest')).toBe(mapped);
  });

  it('answers false after the guest is gone, without throwing', async () => {
    const other = new Guest();
    const access = pool.access(other);
    other[Symbol.dispose]();
    expect(await access.store([{ kind: 'bytes', bytes: new Uint8Array(8) }], [{ kind: 'arena', offset: 0, length: 8 }])).toBe(
      false,
    );
    expect(await access.load(inGuest([0x1000_0000, 8]), 0, { kind: 'arena', offset: 0, length: 8 })).toBe(false);
  });

  it('replaces a thread that dies: its jobs answer false, the next ones are done', async () => {
    const access = pool.access(guest);
    const doomed = access.store([POISON], [inGuest([0x1000_0000, 8])]);
    expect(await doomed).toBe(false);
    expect(pool.stats.deaths).toBe(1);
    const target = inGuest([0x1000_0000, 8]);
    expect(await access.store([{ kind: 'bytes', bytes: new Uint8Array(8).fill(7) }], [target])).toBe(true);
    expect(guest.bytes(target.ranges).every((byte) => byte === 7)).toBe(true);
    expect(pool.state).toBe('running');
  });

  it('answers false to every copy while threads keep dying, and copies again when they live', async () => {
    const told: string[] = [];
    const write = (_fields: object, text: string): void => void told.push(text);
    await pool.close();
    pool = CopyPool.start(2, { debug: write, info: write, warn: write, error: write });
    const access = pool.access(guest);
    const store = (plane: PlaneStorage): Promise<boolean> => access.store([plane], [inGuest([0x1000_0000, 8])]);
    for (let i = 0; i < 12; i++) expect(await store(POISON)).toBe(false);
    const many = Array.from({ length: 20 }, () => store(POISON));
    expect(await Promise.all(many)).toEqual(many.map(() => false));
    expect([pool.pending, pool.state]).toEqual([0, 'running']);
    const good = { kind: 'bytes', bytes: new Uint8Array(8).fill(7) } as const;
    await expect.poll(() => store(good)).toBe(true);
    expect(told.slice(0, 2)).toEqual(['a worker thread died', 'a worker thread died']);
    expect(told.at(-1)).toBe('a worker thread works again');
  });

  it('gives guests their turns: a single copy does not wait for the many of another guest', async () => {
    using other = new Guest();
    await pool.close();
    pool = CopyPool.start(1);
    const plane = { kind: 'bytes', bytes: new Uint8Array(REGION) } as const;
    const order: string[] = [];
    const copy = (of: Guest, name: string) =>
      pool
        .access(of)
        .store([plane], [inGuest([0x1000_0000, REGION])])
        .then(() => order.push(name));
    const many = pool.access(guest);
    const greedy = Array.from({ length: 200 }, (_, i) =>
      many.store([plane], [inGuest([0x1000_0000, REGION])]).then(() => order.push(`many ${i}`)),
    );
    await Promise.all([...greedy, copy(other, 'single')]);
    expect(order).toHaveLength(201);
    expect(order.indexOf('single')).toBeLessThan(3);
  });

  it('refuses copies beyond its bound, and does the others', async () => {
    const access = pool.access(guest);
    const plane = { kind: 'bytes', bytes: new Uint8Array(16) } as const;
    const results = await Promise.all(Array.from({ length: 5000 }, () => access.store([plane], [inGuest([0x1000_0000, 16])])));
    expect(results.filter((done) => done)).toHaveLength(1024);
    expect(await access.store([plane], [inGuest([0x1000_0000, 16])])).toBe(true);
  });

  it('finishes the copies under way when it is closed, refuses later ones, and leaves nothing behind', async () => {
    const own = CopyPool.start(3);
    const access = own.access(guest);
    const bytes = randomBytes(REGION);
    const begun = access.store([{ kind: 'bytes', bytes }], [inGuest([0x1000_0000, REGION])]);
    const closing = own.close();
    expect(await access.store([{ kind: 'bytes', bytes }], [inGuest([0x1000_0000, REGION])])).toBe(false);
    expect(await begun).toBe(true);
    await closing;
    expect(own.state).toBe('closed');
    const descriptors = openDescriptors();
    for (let i = 0; i < 5; i++) {
      const more = CopyPool.start(2);
      await more.access(guest).store([{ kind: 'bytes', bytes }], [inGuest([0x1000_0000, REGION])]);
      await more.close();
    }
    expect(openDescriptors()).toBe(descriptors);
  });

  it('starts its threads with the first guest, and no more with the second', async () => {
    const threads = (): number => readdirSync('/proc/self/task').length;
    const before = threads();
    const own = CopyPool.start(2);
    expect(threads()).toBe(before);
    own.access(guest);
    expect(threads()).toBe(before + 2);
    own.access(guest);
    expect(threads()).toBe(before + 2);
    await own.close();
  });

  it('can be closed before it has threads, and while they are still loading their native module', async () => {
    await CopyPool.start(2).close();
    for (let i = 0; i < 10; i++) {
      const own = CopyPool.start(2);
      own.access(guest);
      await own.close();
    }
  });

  it('does not start without threads', () => {
    expect(() => CopyPool.start(0)).toThrow(CopyError);
    expect(() => CopyPool.start(1.5)).toThrow(CopyError);
  });
});
