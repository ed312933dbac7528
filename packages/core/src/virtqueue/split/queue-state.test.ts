// SPDX-License-Identifier: Apache-2.0
/** A queue that was saved and restored, beside one that was left alone: nobody can tell them apart. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { NotIdleError, sameBytes } from '../../base/index.ts';
import { complaint, mutations } from '../../testing/mutations.ts';
import { started, WRITE } from '../../testing/queue-rig.ts';
import { RawRing } from '../../testing/raw-ring.ts';
import { type Chain, DeviceQueue, QueueError } from '../index.ts';

const SIZE = 4;

type Action =
  | { readonly kind: 'offer'; readonly heads: readonly number[] }
  | { readonly kind: 'describe'; readonly index: number; readonly len: number; readonly flags: number; readonly next: number }
  | { readonly kind: 'jump'; readonly index: number }
  | { readonly kind: 'ask'; readonly flags: number; readonly event: number }
  | { readonly kind: 'push'; readonly which: number; readonly written: number }
  | { readonly kind: 'start'; readonly back: boolean; readonly position: number }
  | { readonly kind: 'pop' | 'flush' | 'wake' | 'sleep' | 'stop' | 'forget' | 'memory' | 'move' };

const head = fc.oneof({ weight: 30, arbitrary: fc.nat(SIZE - 1) }, { weight: 1, arbitrary: fc.constant(SIZE) });
const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constant('offer' as const), heads: fc.array(head, { minLength: 1, maxLength: 3 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('describe' as const),
      index: fc.nat(SIZE - 1),
      len: fc.nat(40),
      flags: fc.nat(3),
      next: fc.nat(SIZE),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('jump' as const), index: fc.nat(0xffff) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('ask' as const), flags: fc.nat(1), event: fc.nat(12) }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('push' as const), which: fc.nat(3), written: fc.nat(50) }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('start' as const), back: fc.boolean(), position: fc.nat(3) }),
  },
  {
    weight: 16,
    arbitrary: fc.record({
      kind: fc.constantFrom('pop', 'pop', 'pop', 'flush', 'flush', 'wake', 'sleep', 'stop', 'forget', 'memory', 'move', 'move'),
    }),
  },
);

/** A queue, its ring, and what the outside can see of it. */
class World {
  readonly ring = new RawRing({ size: SIZE, memoryBytes: 4096 });
  queue: DeviceQueue;
  readonly #features: { indirect: boolean; eventIdx: boolean };
  readonly #held: Chain[] = [];
  #position = 0;
  #absent = false;
  moves = 0;

  constructor(features: { indirect: boolean; eventIdx: boolean }) {
    this.#features = features;
    this.queue = new DeviceQueue(this.ring.memory, features);
    for (let i = 0; i < SIZE; i++) this.ring.descriptor(i, { addr: this.ring.data + 64 * i, len: 16, flags: WRITE });
    this.queue.start(this.ring.layout, 0);
  }

  /** Does it; the answer is what the user of the queue saw. */
  step(action: Action): unknown {
    switch (action.kind) {
      case 'offer':
        return this.ring.offer(action.heads);
      case 'describe':
        return this.ring.descriptor(action.index, { ...action, addr: this.ring.data + 64 * action.index });
      case 'jump':
        this.ring.availableIndex = action.index;
        return undefined;
      case 'ask':
        this.ring.availableFlags = action.flags;
        this.ring.usedEvent = action.event;
        return undefined;
      case 'pop': {
        const chain = this.queue.pop();
        if (chain === undefined) return undefined;
        this.#held.push(chain);
        return [chain.head, chain.readableLength, chain.writableLength];
      }
      case 'push': {
        const [chain] = this.#held.splice(action.which % Math.max(1, this.#held.length), 1);
        if (chain !== undefined) this.queue.push(chain, chain.write(0, new Uint8Array(action.written).fill(7)));
        return chain?.head;
      }
      case 'flush':
        return this.queue.flush();
      case 'wake':
        return this.queue.enableNotifications();
      case 'sleep':
        return this.queue.disableNotifications();
      case 'stop':
        this.#position = this.queue.stop();
        this.#held.length = 0;
        return this.#position;
      case 'start': {
        if (this.queue.running) return undefined;
        const position = action.back ? this.#position : action.position;
        const resumes = this.queue.resumes(this.ring.layout, position);
        try {
          this.queue.start(this.ring.layout, position);
        } catch (error) {
          return [resumes, error instanceof QueueError ? error.code : error];
        }
        return [resumes, 'started'];
      }
      case 'forget':
        return this.queue.forget();
      case 'memory':
        if (this.#absent) this.ring.memory.addRegion({ address: this.ring.base, bytes: this.ring.bytes });
        else this.ring.memory.removeRegion(this.ring.base);
        this.#absent = !this.#absent;
        return undefined;
      case 'move': {
        const returned = this.#held.splice(0).map((chain) => this.queue.push(chain, 0));
        return [returned.length, this.queue.flush()];
      }
    }
  }

  get idle(): boolean {
    try {
      this.queue.save();
      return true;
    } catch (error) {
      if (!(error instanceof NotIdleError)) throw error;
      return false;
    }
  }

  /** Goes on in a queue of its own that knows only what was saved. */
  move(): void {
    const state: unknown = JSON.parse(JSON.stringify(this.queue.save()));
    expect(state).toEqual(structuredClone(this.queue.save()));
    this.queue = new DeviceQueue(this.ring.memory, { indirect: !this.#features.indirect, eventIdx: !this.#features.eventIdx });
    this.queue.restore(state);
    this.moves++;
  }

  /** What the user of the queue can ask it. */
  get shown(): unknown {
    const { running, stopped, inFlight, error } = this.queue;
    return { running, stopped, inFlight, code: error?.code, message: error?.message };
  }
}

describe('a queue that is saved and restored', () => {
  test('goes on as if nothing had happened: chains, used ring, bells, errors, and whether a driver goes on', () => {
    let moves = 0;
    fc.assert(
      fc.property(
        fc.boolean(),
        fc.boolean(),
        fc.array(action, { minLength: 10, maxLength: 80, size: 'max' }),
        (indirect, eventIdx, actions) => {
          const left = new World({ indirect, eventIdx });
          const moved = new World({ indirect, eventIdx });
          for (const one of actions) {
            expect(moved.step(one)).toEqual(left.step(one));
            // Not idle where the ring has gone from memory before its last chains were published.
            if (one.kind === 'move' && moved.idle) moved.move();
            expect(moved.shown).toEqual(left.shown);
            expect(sameBytes(moved.ring.bytes, left.ring.bytes)).toBe(true);
          }
          moves += moved.moves;
        },
      ),
      { numRuns: 150 },
    );
    expect(moves).toBeGreaterThan(150);
  });

  test('is saved only while it holds no chain and all that it returned is published', () => {
    const { ring, queue } = started();
    ring.descriptor(0, { addr: ring.data, len: 8, flags: WRITE });
    ring.offer([0]);
    queue.save();
    const chain = queue.pop() as Chain;
    expect(() => queue.save()).toThrow(new NotIdleError('1 chains of the queue are taken and not returned yet'));
    queue.push(chain, 8);
    expect(() => queue.save()).toThrow(new NotIdleError('1 chains of the queue are returned and not published yet'));
    queue.flush();
    expect(queue.save().running).toMatchObject({ next: 1, used: 1 });
  });

  test('is refused by name where a field is wrong, and the queue that refused it is as new', () => {
    const { ring, queue } = started();
    queue.stop();
    const stopped = queue.save();
    queue.start(ring.layout, 3);
    ring.offer([8]);
    queue.pop();
    const broken = queue.save();
    expect([stopped.stopped, broken.running, broken.broken]).not.toContain(null);
    const fresh = new DeviceQueue(ring.memory, { indirect: true, eventIdx: false });
    const asNew = fresh.save();
    for (const state of [stopped, broken]) {
      const all = mutations(state);
      expect(all.length).toBeGreaterThan(100);
      expect(all.map((mutation) => complaint(mutation, (wrong) => fresh.restore(wrong))).filter(Boolean)).toEqual([]);
    }
    expect(fresh.save()).toEqual(asNew);
    expect(() => fresh.restore({ ...broken, running: { ...broken.running, available: 100 } })).toThrow(
      'queue.running.available is 100: it must be at most 8 entries ahead of 3, modulo 65536',
    );
    expect(() => fresh.restore({ ...broken, stopped: stopped.stopped })).toThrow(/queue.stopped is an object: .* null while/);
    const odd = { ...ring.layout, used: ring.layout.used + 1 };
    expect(() => fresh.restore({ ...broken, running: { ...broken.running, layout: odd } })).toThrow(
      /queue.running.layout .*aligned/,
    );
    expect(fresh.save()).toEqual(asNew);
  });

  test('is not restored over a queue that has run', () => {
    const { ring, queue } = started();
    const state = queue.save();
    expect(() => queue.restore(state)).toThrow(QueueError);
    queue.stop();
    expect(() => queue.restore(state)).toThrow(/has run/);
    const other = new DeviceQueue(ring.memory, { indirect: false, eventIdx: false });
    other.restore(state);
    expect(other.running).toBe(true);
  });
});
