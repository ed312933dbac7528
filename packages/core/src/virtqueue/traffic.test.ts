// SPDX-License-Identifier: Apache-2.0
/** Random traffic from the driver side to the device side and back, against a naive model: two lists and a memory. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RegionMemory } from '../memory/index.ts';
import type { GuestRange } from '../ports/index.ts';
import { type Chain, DeviceQueue, DriverQueue, ringBytes } from './index.ts';

/** Guest memory with a seam in the middle of the data, all of it above 4 GiB, the ring in one region of odd host alignment or not. */
const RING = 0x1_0000_0000;
const DATA = 0x3_0000_0000;
const SLOT = 512;
const SLOTS = 64;

interface Job {
  readonly id: number;
  readonly slot: number;
  readonly readable: readonly GuestRange[];
  readonly writable: readonly GuestRange[];
  readonly input: Uint8Array;
  written: number;
}

type Action =
  | {
      readonly kind: 'add';
      readonly readable: readonly number[];
      readonly writable: readonly number[];
      readonly indirect: boolean;
    }
  | { readonly kind: 'take'; readonly count: number }
  | { readonly kind: 'return'; readonly which: number; readonly written: number }
  | { readonly kind: 'poll'; readonly count: number }
  | { readonly kind: 'publish' | 'complete' | 'deviceSleeps' | 'deviceBusy' | 'driverSleeps' | 'driverBusy' | 'table' };

const sizes = fc.array(fc.integer({ min: 0, max: 70 }), { maxLength: 3 });
const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant('add' as const), readable: sizes, writable: sizes, indirect: fc.boolean() }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('take' as const), count: fc.integer({ min: 1, max: 9 }) }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('return' as const), which: fc.nat(), written: fc.nat(220) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('poll' as const), count: fc.integer({ min: 1, max: 9 }) }) },
  {
    weight: 10,
    arbitrary: fc.record({
      kind: fc.constantFrom('publish', 'complete', 'deviceSleeps', 'deviceBusy', 'driverSleeps', 'driverBusy', 'table'),
    }),
  },
);

const set = fc.record({
  size: fc.constantFrom(1, 2, 4, 8, 32),
  start: fc.oneof(fc.constant(0), fc.integer({ min: 65500, max: 65535 })),
  indirect: fc.boolean(),
  eventIdx: fc.boolean(),
  shift: fc.constantFrom(0, 1),
  actions: fc.array(action, { minLength: 1, maxLength: 400 }),
});

class Model {
  readonly #memory = new RegionMemory();
  readonly #driver: DriverQueue<Job>;
  readonly #device: DeviceQueue;
  readonly #size: number;
  readonly #freeSlots = Array.from({ length: SLOTS }, (_, i) => i);
  readonly #added: Job[] = [];
  readonly #offered: Job[] = [];
  readonly #held: { job: Job; chain: Chain }[] = [];
  readonly #returned: Job[] = [];
  readonly #visible: Job[] = [];
  #ids = 0;
  #finished = 0;
  /** who waits for the other's bell */
  #device_: 'busy' | 'asleep' = 'busy';
  #driver_: 'busy' | 'asleep' = 'busy';

  constructor(o: { size: number; start: number; indirect: boolean; eventIdx: boolean; shift: number }) {
    const bytes = ringBytes(o.size);
    const layout = { size: o.size, descriptors: RING, available: RING + 0x1000, used: RING + 0x2000 };
    expect(bytes.descriptors).toBeLessThan(0x1000);
    this.#memory.addRegion({ address: RING, bytes: new Uint8Array(new ArrayBuffer(0x3001), o.shift, 0x3000) });
    const half = (SLOTS * SLOT) / 2 - 100;
    this.#memory.addRegion({ address: DATA, bytes: new Uint8Array(half) });
    this.#memory.addRegion({ address: DATA + half, bytes: new Uint8Array(SLOTS * SLOT - half) });
    this.#size = o.size;
    this.#driver = new DriverQueue(this.#memory, layout, o, o.start);
    this.#device = new DeviceQueue(this.#memory, o);
    this.#device.start(layout, o.start);
  }

  step(action: Action): void {
    switch (action.kind) {
      case 'add':
        return this.#add(action.readable, action.writable, action.indirect);
      case 'publish':
        if (this.#driver.flush()) this.#device_ = 'busy';
        this.#offered.push(...this.#added.splice(0));
        break;
      case 'take':
        for (let i = 0; i < action.count; i++) this.#take();
        break;
      case 'return':
        return this.#return(action.which, action.written);
      case 'complete':
        if (this.#device.flush()) this.#driver_ = 'busy';
        this.#visible.push(...this.#returned.splice(0));
        break;
      case 'poll':
        for (let i = 0; i < action.count; i++) this.#poll();
        break;
      case 'deviceSleeps':
        expect(this.#device.enableNotifications()).toBe(this.#offered.length > 0);
        if (this.#offered.length === 0) this.#device_ = 'asleep';
        break;
      case 'deviceBusy':
        this.#device.disableNotifications();
        this.#device_ = 'busy';
        break;
      case 'driverSleeps':
        expect(this.#driver.enableInterrupts()).toBe(this.#visible.length > 0);
        if (this.#visible.length === 0) this.#driver_ = 'asleep';
        break;
      case 'driverBusy':
        this.#driver.disableInterrupts();
        this.#driver_ = 'busy';
        break;
      case 'table':
        this.#memory.addRegion({ address: 0x9_0000_0000, bytes: new Uint8Array(1) });
        this.#memory.removeRegion(0x9_0000_0000);
        break;
    }
    // No lost bell: nobody sleeps while there is work that was rung for.
    expect(this.#device_ === 'asleep' && this.#offered.length > 0).toBe(false);
    expect(this.#driver_ === 'asleep' && this.#visible.length > 0).toBe(false);
    expect(this.#device.error).toBeUndefined();
  }

  /** Lets everything that is under way come back, and checks that it all did. */
  finish(): void {
    for (const kind of ['publish', 'take', 'return', 'complete', 'poll'] as const) {
      for (let i = 0; i < SLOTS; i++) {
        this.step(
          kind === 'take' || kind === 'poll'
            ? { kind, count: this.#size }
            : kind === 'return'
              ? { kind, which: i, written: 9 }
              : { kind },
        );
      }
    }
    expect(this.#finished).toBe(this.#ids);
    expect(this.#driver.free).toBe(this.#size);
    expect(this.#driver.inFlight).toBe(0);
    expect(this.#device.inFlight).toBe(0);
  }

  #add(readable: readonly number[], writable: readonly number[], indirect: boolean): void {
    const parts = readable.length + writable.length;
    const slot = this.#freeSlots[0];
    if (parts === 0 || parts > this.#size || slot === undefined) return;
    let at = DATA + slot * SLOT;
    const ranges = (lengths: readonly number[]): GuestRange[] =>
      lengths.map((length) => {
        at += length;
        return { address: at - length, length };
      });
    const reads = ranges(readable);
    const writes = ranges(writable);
    const id = this.#ids;
    const input = Uint8Array.from({ length: readable.reduce((a, b) => a + b, 0) }, (_, i) => (id * 7 + i) & 0xff);
    expect(this.#memory.write(DATA + slot * SLOT, input)).toBe(true);
    const job: Job = { id, slot, readable: reads, writable: writes, input, written: 0 };
    const free = this.#driver.free;
    const table = indirect ? { address: DATA + slot * SLOT + 420, length: 92 } : undefined;
    if (!this.#driver.add(reads, writes, job, table)) {
      expect(free).toBeLessThan(parts);
      return;
    }
    expect([1, parts]).toContain(free - this.#driver.free);
    this.#freeSlots.shift();
    this.#ids++;
    this.#added.push(job);
  }

  #take(): void {
    const chain = this.#device.pop();
    const job = this.#offered.shift();
    expect(chain === undefined).toBe(job === undefined);
    if (chain === undefined || job === undefined) return;
    const bytes = new Uint8Array(chain.readableLength);
    expect(chain.read(0, bytes)).toBe(bytes.length);
    expect(bytes).toEqual(job.input);
    expect(chain.writableLength).toBe(job.writable.reduce((sum, range) => sum + range.length, 0));
    this.#held.push({ job, chain });
  }

  #return(which: number, written: number): void {
    const [entry] = this.#held.splice(which % Math.max(1, this.#held.length), 1);
    if (entry === undefined) return;
    const { job, chain } = entry;
    const output = Uint8Array.from({ length: written }, (_, i) => (job.id * 13 + i) & 0xff);
    const split = written >> 1;
    const first = chain.write(0, output.subarray(0, split));
    job.written = first + chain.write(split, output.subarray(split));
    expect(job.written).toBe(Math.min(written, chain.writableLength));
    this.#device.push(chain, job.written);
    this.#returned.push(job);
  }

  #poll(): void {
    const done = this.#driver.poll();
    const job = this.#visible.shift();
    expect(done?.token).toBe(job);
    if (done === undefined || job === undefined) return;
    expect(done.written).toBe(job.written);
    let at = 0;
    for (const range of job.writable) {
      const bytes = new Uint8Array(range.length);
      this.#memory.read(range.address, bytes);
      for (const byte of bytes) {
        if (at < job.written && byte !== ((job.id * 13 + at) & 0xff)) expect.fail(`byte ${at} of job ${job.id} is ${byte}`);
        at++;
      }
    }
    this.#freeSlots.push(job.slot);
    this.#finished++;
  }
}

describe('both sides of a ring', () => {
  test('agree with a naive model under random traffic: every chain once, every byte right, no bell lost', () => {
    fc.assert(
      fc.property(set, ({ actions, ...options }) => {
        const model = new Model(options);
        for (const one of actions) model.step(one);
        model.finish();
      }),
      { numRuns: 1500 },
    );
  });

  test.each([
    [true, true],
    [true, false],
    [false, true],
    [false, false],
  ])('run through both wraps of the indices (indirect %s, EVENT_IDX %s)', (indirect, eventIdx) => {
    const model = new Model({ size: 8, start: 0, indirect, eventIdx, shift: 0 });
    // The bells are silent for most of the way: only asleep sides must be woken, however far the other index has gone.
    const round: Action[] = [
      { kind: 'driverBusy' },
      { kind: 'add', readable: [3], writable: [5], indirect: true },
      { kind: 'add', readable: [], writable: [9], indirect: false },
      { kind: 'add', readable: [1, 2], writable: [], indirect: true },
      { kind: 'publish' },
      { kind: 'deviceBusy' },
      { kind: 'take', count: 4 },
      { kind: 'return', which: 2, written: 4 },
      { kind: 'return', which: 0, written: 4 },
      { kind: 'deviceSleeps' },
      { kind: 'return', which: 0, written: 4 },
      { kind: 'driverSleeps' },
      { kind: 'complete' },
      { kind: 'poll', count: 4 },
    ];
    for (let i = 0; i < 140_000 / 3; i++) {
      // Some laps leave out the bells altogether, so that event indices grow old.
      for (const one of round) if (i % 5 < 2 || !/Sleeps|Busy/.test(one.kind)) model.step(one);
    }
    model.finish();
  });
});
