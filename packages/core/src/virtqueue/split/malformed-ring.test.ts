// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from 'vitest';
import { INDIRECT, NEXT, started, WRITE } from '../../testing/queue-rig.ts';
import { type Chain, type DeviceQueue, QueueError } from '../index.ts';

const NEITHER = { indirect: false, eventIdx: false };

/** Pops once; expects the queue to break with `code` and to stay broken, quietly. */
function expectBroken(queue: DeviceQueue, code: string): void {
  expect(queue.pop()).toBeUndefined();
  expect(queue.error).toBeInstanceOf(QueueError);
  expect(queue.error?.code).toBe(code);
  const first = queue.error;
  expect(queue.pop()).toBeUndefined();
  expect(queue.error).toBe(first);
  expect(queue.enableNotifications()).toBe(false);
}

describe('malformed rings', () => {
  test('VU-V8: an available index more than the queue size ahead breaks the ring', () => {
    const { ring, queue } = started({ size: 8 });
    ring.availableIndex = 9;
    expectBroken(queue, 'available-jump');
  });

  test('VU-V8: an available index that goes back breaks the ring', () => {
    const { ring, queue } = started({ size: 8, start: 5 });
    ring.availableIndex = 4;
    expectBroken(queue, 'available-jump');
  });

  test('VU-V8: a head outside the ring breaks it', () => {
    const { ring, queue } = started({ size: 8 });
    ring.offer([8]);
    expectBroken(queue, 'head-range');
  });

  test('VU-V8: a next outside the table breaks the ring', () => {
    const { ring, queue } = started({ size: 8 });
    ring.descriptor(0, { addr: ring.data, len: 1, flags: NEXT, next: 8 });
    ring.offer([0]);
    expectBroken(queue, 'next-range');
  });

  test('VU-V9: a loop of direct descriptors, or in an indirect table, breaks the ring', () => {
    for (const indirect of [false, true]) {
      const { ring, queue } = started({ size: 8 });
      const table = indirect ? ring.data + 4096 : ring.layout.descriptors;
      if (indirect) ring.descriptor(0, { addr: table, len: 32, flags: INDIRECT });
      ring.descriptor(indirect ? 1 : 6, { addr: ring.data, len: 1, flags: NEXT, next: 0 }, table);
      ring.descriptor(indirect ? 0 : 6, { addr: ring.data, len: 1, flags: NEXT, next: indirect ? 1 : 6 }, table);
      ring.offer([indirect ? 0 : 6]);
      expectBroken(queue, 'loop');
    }
  });

  test('VU-V9: a next outside an indirect table, though inside the ring, breaks the ring', () => {
    const { ring, queue } = started({ size: 8 });
    const table = ring.data + 4096;
    ring.descriptor(0, { addr: table, len: 32, flags: INDIRECT });
    ring.descriptor(0, { addr: ring.data, len: 1, flags: NEXT, next: 2 }, table);
    ring.offer([0]);
    expectBroken(queue, 'next-range');
  });

  test('VU-V9: more descriptors than allowed break the ring; as many as allowed are more than it has entries', () => {
    for (const [entries, code] of [
      [32, undefined],
      [33, 'indirect-length'],
    ] as const) {
      const { ring, queue } = started({ size: 8, limits: { maxDescriptors: 32 } });
      const table = ring.data + 4096;
      ring.descriptor(0, { addr: table, len: 16 * entries, flags: INDIRECT });
      for (let i = 0; i < entries; i++) {
        ring.descriptor(i, { addr: ring.data, len: 1, flags: i + 1 < entries ? NEXT : 0, next: i + 1 }, table);
      }
      ring.offer([0]);
      if (code === undefined) expect(queue.pop()?.readableLength).toBe(32);
      else expectBroken(queue, code);
    }
  });

  test('VU-V9: direct and indirect descriptors count together', () => {
    const { ring, queue } = started({ size: 8, limits: { maxDescriptors: 4 } });
    const table = ring.data + 4096;
    ring.descriptor(0, { addr: ring.data, len: 1, flags: NEXT, next: 1 });
    ring.descriptor(1, { addr: table, len: 64, flags: INDIRECT });
    for (let i = 0; i < 4; i++) ring.descriptor(i, { addr: ring.data, len: 1, flags: i < 3 ? NEXT : 0, next: i + 1 }, table);
    ring.offer([0]);
    expectBroken(queue, 'too-many-descriptors');
  });

  test('VU-V9: more readable bytes than allowed, 1 MiB by default, break the ring', () => {
    for (const [extra, broken] of [
      [0, false],
      [1, true],
    ] as const) {
      const { ring, queue } = started({ memoryBytes: 2 << 20 });
      ring.descriptor(0, { addr: ring.data, len: 1 << 20, flags: extra ? NEXT : 0, next: 1 });
      ring.descriptor(1, { addr: ring.data, len: extra });
      ring.offer([0]);
      if (broken) expectBroken(queue, 'too-many-bytes');
      else expect(queue.pop()?.readableLength).toBe(1 << 20);
    }
  });

  test('VU-V9: a chain of 4 GiB in all breaks the ring', () => {
    const { ring, queue } = started({ size: 4096, memoryBytes: 2 << 20 });
    for (let i = 0; i < 4096; i++) {
      ring.descriptor(i, { addr: ring.data, len: 1 << 20, flags: WRITE | (i < 4095 ? NEXT : 0), next: i + 1 });
    }
    ring.offer([0]);
    expectBroken(queue, 'too-many-bytes');
  });

  test.each([
    ['outside memory', 0x10],
    ['past the end of memory', -1],
    ['above 2^53', Number.POSITIVE_INFINITY],
  ])('VU-V10: a buffer %s breaks the ring', (_, where) => {
    const { ring, queue } = started();
    ring.descriptor(0, { addr: where === -1 ? ring.base + ring.bytes.length - 1 : where, len: 2 });
    ring.offer([0]);
    expectBroken(queue, 'address');
  });

  test('VU-V10: an indirect table outside memory breaks the ring', () => {
    const { ring, queue } = started();
    ring.descriptor(0, { addr: ring.base + ring.bytes.length - 16, len: 32, flags: INDIRECT });
    ring.offer([0]);
    expectBroken(queue, 'address');
  });

  test('VU-V11: a readable descriptor after a writable one, even an empty one, breaks the ring', () => {
    for (const len of [0, 4]) {
      const { ring, queue } = started();
      ring.descriptor(0, { addr: ring.data, len, flags: WRITE | NEXT, next: 1 });
      ring.descriptor(1, { addr: ring.data, len: 4 });
      ring.offer([0]);
      expectBroken(queue, 'order');
    }
  });

  test('VU-V11: an indirect table that was not negotiated breaks the ring', () => {
    const { ring, queue } = started({ features: NEITHER });
    ring.descriptor(0, { addr: ring.data, len: 16, flags: INDIRECT });
    ring.offer([0]);
    expectBroken(queue, 'indirect');
  });

  test('VU-V11: an indirect table in an indirect table breaks the ring', () => {
    const { ring, queue } = started();
    ring.descriptor(0, { addr: ring.data, len: 16, flags: INDIRECT });
    ring.descriptor(0, { addr: ring.data, len: 16, flags: INDIRECT }, ring.data);
    ring.offer([0]);
    expectBroken(queue, 'indirect');
  });

  test('VU-V11: an indirect descriptor that goes on breaks the ring', () => {
    const { ring, queue } = started();
    ring.descriptor(0, { addr: ring.data, len: 16, flags: INDIRECT | NEXT, next: 1 });
    ring.offer([0]);
    expectBroken(queue, 'indirect');
  });

  test.each([0, 8, 17, 0xffff_fff0, 0xffff_ffff])('VU-V11: an indirect table of %d bytes breaks the ring', (len) => {
    const { ring, queue } = started();
    ring.descriptor(0, { addr: ring.data, len, flags: INDIRECT });
    ring.offer([0]);
    expectBroken(queue, 'indirect-length');
  });

  test('a head that the device still holds breaks the ring', () => {
    const { ring, queue } = started();
    ring.descriptor(0, { addr: ring.data, len: 1 });
    ring.offer([0, 0]);
    expect(queue.pop()?.head).toBe(0);
    expectBroken(queue, 'head-in-flight');
  });

  test('VU-V17: a driver that offers more without having seen a return cannot make the device hold more than the ring', () => {
    const { ring, queue } = started({ size: 2 });
    ring.descriptor(0, { addr: ring.data, len: 1 });
    ring.offer([0]);
    queue.push(queue.pop() as Chain, 0);
    ring.offer([0]);
    queue.push(queue.pop() as Chain, 0);
    ring.offer([0]);
    expectBroken(queue, 'too-many-chains');
  });

  test('chains taken before the ring broke are still returned', () => {
    const { ring, queue } = started();
    ring.descriptor(0, { addr: ring.data, len: 8, flags: WRITE });
    ring.offer([0, 99]);
    const chain = queue.pop() as Chain;
    expectBroken(queue, 'head-range');
    queue.push(chain, 4);
    expect(queue.flush()).toBe(true);
    expect(ring.usedEntry(0)).toEqual({ id: 0, len: 4 });
  });

  test('VU-V7: a ring part that vanishes from memory breaks the queue; a restart mends it', () => {
    const { ring, queue } = started();
    ring.descriptor(0, { addr: ring.data, len: 8, flags: WRITE });
    ring.offer([0]);
    const chain = queue.pop() as Chain;
    ring.memory.removeRegion(ring.base);
    expectBroken(queue, 'ring-gone');
    queue.push(chain, 1);
    expect(queue.flush()).toBe(false);
    expect(queue.stop()).toBe(1);
    ring.memory.addRegion({ address: ring.base, bytes: ring.bytes });
    queue.start(ring.layout, 1);
    expect(queue.error).toBeUndefined();
    ring.offer([0]);
    expect(queue.pop()?.head).toBe(0);
  });
});
