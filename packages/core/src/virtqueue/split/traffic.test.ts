// SPDX-License-Identifier: Apache-2.0
/** Random traffic from the driver side to the device side and back, against a naive model: two lists and a memory. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RegionMemory } from '../../memory/index.ts';
import type { GuestRange } from '../../ports/index.ts';
import { type Chain, DeviceQueue, DriverQueue, ringBytes } from '../index.ts';

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

/** A plain check: `expect` takes longer than the queues. */
function check(condition: boolean, what: string): void {
  if (!condition) expect.fail(what);
}

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
  #deviceState: 'busy' | 'asleep' = 'busy';
  #driverState: 'busy' | 'asleep' = 'busy';

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
        if (this.#driver.flush()) this.#deviceState = 'busy';
        this.#offered.push(...this.#added.splice(0));
        break;
      case 'take':
        for (let i = 0; i < action.count; i++) this.#take();
        break;
      case 'return':
        return this.#return(action.which, action.written);
      case 'complete':
        if (this.#device.flush()) this.#driverState = 'busy';
        this.#visible.push(...this.#returned.splice(0));
        break;
      case 'poll':
        for (let i = 0; i < action.count; i++) this.#poll();
        break;
      case 'deviceSleeps':
        check(this.#device.enableNotifications() === this.#offered.length > 0, 'enableNotifications');
        if (this.#offered.length === 0) this.#deviceState = 'asleep';
        break;
      case 'deviceBusy':
        this.#device.disableNotifications();
        this.#deviceState = 'busy';
        break;
      case 'driverSleeps':
        check(this.#driver.enableInterrupts() === this.#visible.length > 0, 'enableInterrupts');
        if (this.#visible.length === 0) this.#driverState = 'asleep';
        break;
      case 'driverBusy':
        this.#driver.disableInterrupts();
        this.#driverState = 'busy';
        break;
      case 'table':
        this.#memory.addRegion({ address: 0x9_0000_0000, bytes: new Uint8Array(1) });
        this.#memory.removeRegion(0x9_0000_0000);
        break;
    }
    // No lost bell: nobody sleeps while there is work that was rung for.
    check(this.#deviceState !== 'asleep' || this.#offered.length === 0, 'the device sleeps on offered chains');
    check(this.#driverState !== 'asleep' || this.#visible.length === 0, 'the driver sleeps on returned chains');
    check(this.#device.error === undefined, this.#device.error?.message ?? '');
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
    check(this.#memory.write(DATA + slot * SLOT, input), 'memory');
    const job: Job = { id, slot, readable: reads, writable: writes, input, written: 0 };
    const free = this.#driver.free;
    const table = indirect ? { address: DATA + slot * SLOT + 420, length: 92 } : undefined;
    if (!this.#driver.add(reads, writes, job, table)) {
      check(free < parts, 'a chain was refused that fits');
      return;
    }
    const taken = free - this.#driver.free;
    check(taken === 1 || taken === parts, 'descriptors taken');
    this.#freeSlots.shift();
    this.#ids++;
    this.#added.push(job);
  }

  #take(): void {
    const chain = this.#device.pop();
    const job = this.#offered.shift();
    check((chain === undefined) === (job === undefined), 'pop');
    if (chain === undefined || job === undefined) return;
    const bytes = new Uint8Array(chain.readableLength);
    check(chain.read(0, bytes) === bytes.length && bytes.every((byte, i) => byte === job.input[i]), 'bytes read');
    check(bytes.length === job.input.length, 'readable length');
    check(chain.writableLength === job.writable.reduce((sum, range) => sum + range.length, 0), 'writable length');
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
    check(job.written === Math.min(written, chain.writableLength), 'bytes written');
    this.#device.push(chain, job.written);
    this.#returned.push(job);
  }

  #poll(): void {
    const done = this.#driver.poll();
    const job = this.#visible.shift();
    check(done?.token === job, 'order of return');
    if (done === undefined || job === undefined) return;
    check(done.written === job.written, 'used length');
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
      { numRuns: 1000 },
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
