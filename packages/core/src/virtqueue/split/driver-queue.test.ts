// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from 'vitest';
import { RawRing } from '../../testing/raw-ring.ts';
import { type Chain, DeviceQueue, DriverQueue } from '../index.ts';

const FEATURES = { indirect: true, eventIdx: false };

function made(size = 4): { ring: RawRing; queue: DriverQueue<string> } {
  const ring = new RawRing({ size });
  return { ring, queue: new DriverQueue<string>(ring.memory, ring.layout, FEATURES) };
}

/** The device of the test: returns `id` with `len` bytes. */
function use(ring: RawRing, id: number, len: number): void {
  const at = ring.layout.used - ring.base + 4 + 8 * (ring.usedIndex & (ring.layout.size - 1));
  ring.view.setUint32(at, id, true);
  ring.view.setUint32(at + 4, len, true);
  ring.usedIndex++;
}

describe('DriverQueue', () => {
  test('a full table refuses a chain until one came back', () => {
    const { ring, queue } = made(4);
    const part = { address: ring.data, length: 8 };
    expect(queue.add([part], [part], 'a')).toBe(true);
    expect(queue.add([part, part], [part], 'b')).toBe(false);
    expect(queue.add([], [part, part], 'b')).toBe(true);
    expect(queue.free).toBe(0);
    expect(queue.add([part], [], 'c')).toBe(false);
    expect(queue.flush()).toBe(true);
    expect(ring.availableIndex).toBe(2);
    use(ring, 2, 16);
    expect(queue.poll()).toEqual({ token: 'b', written: 16 });
    expect(queue.poll()).toBeUndefined();
    expect(queue.free).toBe(2);
    expect(queue.add([part], [part], 'c')).toBe(true);
  });

  test('nothing is seen by the device before flush, and a flush of nothing rings no bell', () => {
    const { ring, queue } = made();
    expect(queue.flush()).toBe(false);
    queue.add([{ address: ring.data, length: 1 }], [], 'a');
    expect(ring.availableIndex).toBe(0);
    expect(queue.flush()).toBe(true);
    expect(queue.flush()).toBe(false);
  });

  test('an indirect table takes one descriptor; too little memory for it means direct descriptors', () => {
    const { ring, queue } = made(4);
    const part = { address: ring.data, length: 8 };
    expect(queue.add([part, part], [part], 'a', { address: ring.data + 64, length: 48 })).toBe(true);
    expect(queue.free).toBe(3);
    expect(queue.add([part, part], [part], 'b', { address: ring.data + 128, length: 47 })).toBe(true);
    expect(queue.free).toBe(0);
  });

  test('a chain longer than the ring is refused, indirect or not, and so is one without parts', () => {
    const { ring, queue } = made(2);
    const part = { address: ring.data, length: 8 };
    expect(() => queue.add([part, part, part], [], 'a', { address: ring.data, length: 4096 })).toThrow(/longer than the ring/);
    expect(() => queue.add([], [], 'a')).toThrow(/at least one part/);
  });

  test.each([
    ['an id outside the ring', 4, 0, /does not have/],
    ['an id that is not offered', 1, 0, /does not have/],
    ['more bytes than the chain takes', 0, 9, /it takes 8/],
  ])('a device that returns %s is reported', (_, id, len, message) => {
    const { ring, queue } = made(4);
    queue.add([], [{ address: ring.data, length: 8 }], 'a');
    queue.flush();
    use(ring, id, len);
    expect(() => queue.poll()).toThrow(message);
  });

  test('a used index beyond what was offered is reported', () => {
    const { ring, queue } = made(4);
    queue.add([], [{ address: ring.data, length: 8 }], 'a');
    queue.flush();
    use(ring, 0, 0);
    use(ring, 0, 0);
    expect(() => queue.poll()).toThrow(/the used index is 2 ahead/);
  });

  test.each([true, false])('a driver that polls gets no interrupt, also for a batch (EVENT_IDX %s)', (eventIdx) => {
    const ring = new RawRing({ size: 4 });
    const features = { indirect: false, eventIdx };
    const driver = new DriverQueue<number>(ring.memory, ring.layout, features, 65535);
    const device = new DeviceQueue(ring.memory, features);
    device.start(ring.layout, 65535);
    driver.disableInterrupts();
    for (const count of [1, 3, 2]) {
      for (let i = 0; i < count; i++) driver.add([{ address: ring.data, length: 1 }], [], i);
      driver.flush();
      for (let chain = device.pop(); chain !== undefined; chain = device.pop()) device.push(chain, 0);
      expect(device.flush()).toBe(false);
      for (let i = 0; i < count; i++) expect(driver.poll()?.token).toBe(i);
    }
    expect(driver.enableInterrupts()).toBe(false);
    driver.add([{ address: ring.data, length: 1 }], [], 9);
    driver.flush();
    device.push(device.pop() as Chain, 0);
    expect(device.flush()).toBe(true);
  });

  test('it takes over a ring that is not clean', () => {
    const ring = new RawRing({ size: 4 });
    ring.bytes.fill(0xff, 0, ring.data - ring.base);
    const queue = new DriverQueue<string>(ring.memory, ring.layout, FEATURES);
    expect(queue.poll()).toBeUndefined();
    expect(ring.availableIndex).toBe(0);
    expect(ring.usedIndex).toBe(0);
  });
});
