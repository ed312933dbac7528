// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from 'vitest';
import { INDIRECT, NEXT, started, WRITE } from '../../testing/queue-rig.ts';
import { RawRing } from '../../testing/raw-ring.ts';
import { type Chain, DeviceQueue, QueueError } from '../index.ts';

const BOTH = { indirect: true, eventIdx: true };
const NEITHER = { indirect: false, eventIdx: false };

function readAll(chain: Chain): number[] {
  const bytes = new Uint8Array(chain.readableLength);
  expect(chain.read(0, bytes)).toBe(chain.readableLength);
  return [...bytes];
}

describe('chains', () => {
  test('a chain of direct descriptors is one readable and one writable stream of bytes (P3)', () => {
    const { ring, queue } = started();
    ring.bytes.set([1, 2, 3], ring.data - ring.base);
    ring.bytes.set([4, 5], ring.data - ring.base + 100);
    ring.descriptor(3, { addr: ring.data, len: 3, flags: NEXT, next: 1 });
    ring.descriptor(1, { addr: 0x1234, len: 0, flags: NEXT, next: 7 });
    ring.descriptor(7, { addr: ring.data + 100, len: 2, flags: NEXT, next: 0 });
    ring.descriptor(0, { addr: ring.data + 200, len: 2, flags: NEXT | WRITE, next: 5 });
    ring.descriptor(5, { addr: ring.data + 300, len: 3, flags: WRITE });
    ring.offer([3]);
    const chain = queue.pop() as Chain;
    expect(chain).toMatchObject({ head: 3, readableLength: 5, writableLength: 5, state: 'held' });
    expect(readAll(chain)).toEqual([1, 2, 3, 4, 5]);
    const part = new Uint8Array(9);
    expect(chain.read(2, part)).toBe(3);
    expect([...part.subarray(0, 3)]).toEqual([3, 4, 5]);
    expect(chain.read(1, part.subarray(0, 1))).toBe(1);
    expect(part[0]).toBe(2);
    expect(chain.read(5, part)).toBe(0);
    expect(chain.read(-1, part)).toBe(0);
    expect(chain.read(Number.NaN, part)).toBe(0);
    expect(chain.write(1, Uint8Array.of(8, 9, 10, 11, 12))).toBe(4);
    expect(chain.write(0, Uint8Array.of(7))).toBe(1);
    expect([...ring.bytes.subarray(ring.data - ring.base + 200, ring.data - ring.base + 202)]).toEqual([7, 8]);
    expect([...ring.bytes.subarray(ring.data - ring.base + 300, ring.data - ring.base + 303)]).toEqual([9, 10, 11]);
    expect(queue.pop()).toBeUndefined();
    expect(queue.error).toBeUndefined();
  });

  test.each([
    ['alone', false],
    ['after direct descriptors', true],
  ])('an indirect table %s is walked, whatever its WRITE flag says', (_, after) => {
    const { ring, queue } = started();
    const table = ring.data + 4096;
    ring.bytes.set([1, 2, 3, 4], ring.data - ring.base);
    ring.descriptor(0, { addr: ring.data + 2, len: 2, flags: NEXT, next: 2 }, table);
    ring.descriptor(2, { addr: ring.data + 64, len: 9, flags: WRITE }, table);
    const indirect = { addr: table, len: 48, flags: INDIRECT | WRITE };
    if (after) {
      ring.descriptor(0, { addr: ring.data, len: 2, flags: NEXT, next: 1 });
      ring.descriptor(1, indirect);
    } else ring.descriptor(0, indirect);
    ring.offer([0]);
    const chain = queue.pop() as Chain;
    expect(readAll(chain)).toEqual(after ? [1, 2, 3, 4] : [3, 4]);
    expect(chain.writableLength).toBe(9);
  });

  test('VU-V12: descriptors and tables are fetched once; what the guest changes later does not count', () => {
    const { ring, queue } = started();
    const table = ring.data + 4096;
    ring.descriptor(0, { addr: ring.data, len: 4 }, table);
    ring.descriptor(0, { addr: table, len: 16, flags: INDIRECT });
    ring.descriptor(1, { addr: ring.data, len: 4 });
    ring.offer([0, 1]);
    const first = queue.pop() as Chain;
    const second = queue.pop() as Chain;
    ring.bytes.fill(0xff, 0, ring.layout.available - ring.base);
    ring.bytes.fill(0xff, table - ring.base, table - ring.base + 16);
    expect(readAll(first)).toEqual([0, 0, 0, 0]);
    expect(readAll(second)).toEqual([0, 0, 0, 0]);
  });

  test('a chain crosses from one region into the next (VU-V10)', () => {
    const { ring, queue } = started();
    const seam = ring.base + ring.bytes.length;
    ring.memory.addRegion({ address: seam, bytes: Uint8Array.of(5, 6, 7) });
    ring.bytes[ring.bytes.length - 1] = 4;
    ring.descriptor(0, { addr: seam - 1, len: 4 });
    ring.offer([0]);
    expect(readAll(queue.pop() as Chain)).toEqual([4, 5, 6, 7]);
  });

  test('memory that went away while the device held a chain is not copied', () => {
    const { ring, queue } = started();
    ring.memory.addRegion({ address: 0x1000, bytes: Uint8Array.of(9, 9) });
    ring.descriptor(0, { addr: ring.data, len: 2, flags: NEXT, next: 1 });
    ring.descriptor(1, { addr: 0x1000, len: 2 });
    ring.offer([0]);
    const chain = queue.pop() as Chain;
    ring.memory.removeRegion(0x1000);
    expect(chain.read(0, new Uint8Array(4))).toBe(2);
  });
});

describe('returning chains', () => {
  test('one store of the used index publishes a batch; order of return is free (VU-V13)', () => {
    const { ring, queue } = started();
    for (let i = 0; i < 4; i++) ring.descriptor(i, { addr: ring.data, len: 8, flags: WRITE });
    ring.offer([0, 1, 2, 3]);
    const chains = [0, 1, 2, 3].map(() => queue.pop() as Chain);
    queue.push(chains[2] as Chain, 5);
    queue.push(chains[0] as Chain, 99);
    queue.push(chains[1] as Chain, -3);
    expect(ring.usedIndex).toBe(0);
    expect(queue.inFlight).toBe(1);
    expect(queue.flush()).toBe(true);
    expect(ring.usedIndex).toBe(3);
    expect([0, 1, 2].map((i) => ring.usedEntry(i))).toEqual([
      { id: 2, len: 5 },
      { id: 0, len: 8 },
      { id: 1, len: 0 },
    ]);
    expect(queue.flush()).toBe(false);
  });

  test('a returned chain copies nothing, and cannot be returned again', () => {
    const { ring, queue } = started();
    ring.descriptor(0, { addr: ring.data, len: 8, flags: WRITE });
    ring.offer([0]);
    const chain = queue.pop() as Chain;
    queue.push(chain, 8);
    expect(chain.state).toBe('returned');
    expect(chain.write(0, Uint8Array.of(1))).toBe(0);
    expect(() => queue.push(chain, 8)).toThrow(QueueError);
    expect(queue.flush()).toBe(true);
    expect(ring.usedIndex).toBe(1);
  });

  test('chains held over a stop are void: no copy, and a late return is dropped', () => {
    const { ring, queue } = started();
    ring.descriptor(0, { addr: ring.data, len: 8, flags: WRITE });
    ring.descriptor(1, { addr: ring.data, len: 8, flags: WRITE });
    ring.offer([0, 1]);
    const chain = queue.pop() as Chain;
    queue.push(queue.pop() as Chain, 1);
    expect(queue.stop()).toBe(2);
    expect(ring.usedIndex).toBe(1);
    expect(queue.running).toBe(false);
    queue.start(ring.layout, 2);
    expect(chain.state).toBe('void');
    expect(chain.write(0, Uint8Array.of(1))).toBe(0);
    queue.push(chain, 8);
    expect(queue.flush()).toBe(false);
    ring.offer([0]);
    queue.push(queue.pop() as Chain, 3);
    queue.flush();
    expect(ring.usedIndex).toBe(2);
    expect(ring.usedEntry(1)).toEqual({ id: 0, len: 3 });
  });

  test('the indices wrap at 65536, for a batch that straddles the wrap too', () => {
    const { ring, queue } = started({ size: 4 });
    queue.stop();
    ring.usedIndex = 65534;
    queue.start(ring.layout, 65534);
    for (let i = 0; i < 4; i++) ring.descriptor(i, { addr: ring.data, len: 8 });
    ring.offer([0, 1, 2, 3], 65534);
    for (let i = 0; i < 4; i++) queue.push(queue.pop() as Chain, 0);
    expect(queue.flush()).toBe(true);
    expect(ring.usedIndex).toBe(2);
    expect(queue.stop()).toBe(2);
  });
});

describe('suppression', () => {
  test('without EVENT_IDX the flags say whether an interrupt or a notification is wanted', () => {
    const { ring, queue } = started({ features: NEITHER });
    ring.descriptor(0, { addr: ring.data, len: 8 });
    expect(ring.usedFlags).toBe(0);
    queue.disableNotifications();
    expect(ring.usedFlags).toBe(1);
    ring.offer([0]);
    expect(queue.enableNotifications()).toBe(true);
    expect(ring.usedFlags).toBe(0);
    queue.push(queue.pop() as Chain, 0);
    ring.availableFlags = 1;
    expect(queue.flush()).toBe(false);
    ring.offer([0]);
    queue.push(queue.pop() as Chain, 0);
    ring.availableFlags = 0;
    expect(queue.flush()).toBe(true);
    expect(queue.enableNotifications()).toBe(false);
  });

  test('with EVENT_IDX a batch interrupts if it passes used_event, across the wrap', () => {
    const { ring, queue } = started({ features: BOTH });
    queue.stop();
    ring.usedIndex = 65535;
    queue.start(ring.layout, 65535);
    for (let i = 0; i < 3; i++) ring.descriptor(i, { addr: ring.data, len: 8 });
    const round = (count: number, event: number): boolean => {
      ring.offer([0, 1, 2].slice(0, count), queue.stop());
      queue.start(ring.layout, (ring.availableIndex - count) & 0xffff);
      ring.usedEvent = event;
      for (let i = 0; i < count; i++) queue.push(queue.pop() as Chain, 0);
      return queue.flush();
    };
    expect(round(3, 0)).toBe(true); // 65535 -> 2 passes 0
    expect(round(2, 1)).toBe(false); // 2 -> 4 is past 1 already
    expect(round(2, 6)).toBe(false); // 4 -> 6 does not pass 6 yet
    expect(round(1, 6)).toBe(true); // 6 -> 7 does
  });

  test('with EVENT_IDX avail_event names the next entry, and the flags stay 0', () => {
    const { ring, queue } = started({ features: BOTH });
    ring.descriptor(0, { addr: ring.data, len: 8 });
    ring.offer([0]);
    queue.disableNotifications();
    queue.push(queue.pop() as Chain, 0);
    expect(queue.enableNotifications()).toBe(false);
    expect(ring.availableEvent).toBe(1);
    expect(ring.usedFlags).toBe(0);
  });

  test('chains offered before the start are found without a notification (P16)', () => {
    const ring = new RawRing();
    ring.descriptor(0, { addr: ring.data, len: 8 });
    ring.offer([0]);
    const queue = new DeviceQueue(ring.memory, BOTH);
    queue.start(ring.layout, 0);
    expect(queue.pop()?.head).toBe(0);
  });
});

describe('rings', () => {
  test.each([0, 3, 65536, -8, 1.5])('VU-V6: a ring of %d entries is refused', (size) => {
    const ring = new RawRing();
    expect(() => new DeviceQueue(ring.memory, BOTH).start({ ...ring.layout, size }, 0)).toThrow(QueueError);
  });

  test.each([
    ['descriptors', 8],
    ['available', 1],
    ['used', 2],
  ] as const)('VU-V7: %s out of alignment is refused', (part, by) => {
    const ring = new RawRing();
    const layout = { ...ring.layout, [part]: ring.layout[part] + by };
    expect(() => new DeviceQueue(ring.memory, BOTH).start(layout, 0)).toThrow(/aligned/);
  });

  test.each(['descriptors', 'available', 'used'] as const)('VU-V7: %s outside memory is refused', (part) => {
    const ring = new RawRing();
    for (const address of [0, ring.base + ring.bytes.length - 16, 2 ** 53 + 16, -16]) {
      const queue = new DeviceQueue(ring.memory, BOTH);
      expect(() => queue.start({ ...ring.layout, [part]: address }, 0)).toThrow(QueueError);
      expect(queue.running).toBe(false);
      expect(queue.pop()).toBeUndefined();
    }
  });

  test('the ring is looked up again when the memory table changed', () => {
    const { ring, queue } = started();
    const moved = Uint8Array.from(ring.bytes);
    ring.memory.removeRegion(ring.base);
    ring.memory.addRegion({ address: ring.base, bytes: moved });
    ring.bytes.fill(0xff);
    new DataView(moved.buffer).setUint16(ring.layout.available - ring.base + 2, 1, true);
    expect(queue.pop()?.head).toBe(0);
    expect(queue.error).toBeUndefined();
  });

  test('a region that begins at an odd byte of its buffer works all the same', () => {
    const { ring, queue } = started({ shift: 1, features: BOTH });
    ring.descriptor(0, { addr: ring.data, len: 8, flags: WRITE });
    ring.offer([0]);
    queue.push(queue.pop() as Chain, 8);
    expect(queue.flush()).toBe(true);
    expect(ring.usedIndex).toBe(1);
    expect(queue.enableNotifications()).toBe(false);
    expect(ring.availableEvent).toBe(1);
  });

  test('a queue that runs is not started again', () => {
    const { ring, queue } = started();
    expect(() => queue.start(ring.layout, 0)).toThrow(/stop it first/);
    queue.stop();
    expect(queue.stop()).toBe(0);
    expect(queue.pop()).toBeUndefined();
  });
});
