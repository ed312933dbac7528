// SPDX-License-Identifier: Apache-2.0
/** A queue of buffers that was saved and restored, beside one that was left alone: no ioctl and no event can tell them apart. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { hexOf, NotIdleError } from '../../base/index.ts';
import type { HeapArena } from '../../memory/heap/heap-arena.ts';
import type { ArenaBlock, HostBuffers } from '../../ports/index.ts';
import { MULTI, OUTPUT, rig, SINGLE } from '../../testing/buffer-queue-rig.ts';
import { complaint, mutations } from '../../testing/mutations.ts';
import {
  Errno,
  V4L2_BUF_FLAG_KEYFRAME,
  V4L2_BUF_FLAG_TIMECODE,
  V4L2_MEMORY_MMAP,
  V4L2_MEMORY_USERPTR,
  VIDIOC_REMOVE_BUFS,
  v4l2_buffer,
  v4l2_remove_buffers,
} from '../../wire/index.ts';
import type { DequeueTicket } from '../framework/media-device.ts';
import { makeCall } from '../framework/test-call.ts';
import { bufferMemory, type V4l2Buffer } from './v4l2-buffer.ts';

const B = v4l2_buffer.fields;

type Action =
  | { readonly kind: 'request' | 'create'; readonly count: number; readonly userptr: boolean }
  | { readonly kind: 'remove'; readonly index: number; readonly count: number }
  | {
      readonly kind: 'prepare' | 'queue';
      readonly index: number;
      readonly userptr: boolean;
      readonly bytes: number;
      readonly flags: number;
      readonly time: number;
    }
  | { readonly kind: 'done'; readonly which: number; readonly bytes: number; readonly flags: number }
  | { readonly kind: 'on'; readonly errno: number }
  | { readonly kind: 'off' | 'take' | 'fail' | 'move' };

const userptr = fc.oneof({ weight: 2, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) });
const index = fc.nat(4);
const flags = fc.constantFrom(0, V4L2_BUF_FLAG_KEYFRAME, V4L2_BUF_FLAG_TIMECODE, 0x8000_0000);
const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constantFrom('request' as const, 'create' as const), count: fc.nat(4), userptr }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('remove' as const), index, count: fc.nat(2) }) },
  {
    weight: 10,
    arbitrary: fc.record({
      kind: fc.constantFrom('queue' as const, 'queue' as const, 'prepare' as const),
      index,
      userptr,
      bytes: fc.nat(600),
      flags,
      time: fc.nat(1000),
    }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('done' as const), which: fc.nat(3), bytes: fc.nat(1200), flags }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('on' as const), errno: fc.constantFrom(0, 0, 0, Errno.EBUSY) }) },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constantFrom('off' as const, 'take' as const, 'take' as const, 'fail' as const, 'move' as const, 'move' as const),
    }),
  },
);

/** An arena whose blocks can be found again, as whatever restores the memory of a guest has them. */
class KnownArena implements HostBuffers {
  readonly blocks = new Map<number, ArenaBlock>();
  #arena: HeapArena | undefined;

  /** The same arena for every queue. */
  over(arena: HeapArena): this {
    this.#arena ??= arena;
    return this;
  }

  get allocated(): number {
    return this.#arena?.allocated ?? 0;
  }

  settled(): undefined {}

  allocate(length: number): ArenaBlock | undefined {
    const block = this.#arena?.allocate(length);
    if (block !== undefined) this.blocks.set(block.offset, block);
    return block;
  }

  /** The block with the reference of the queue that was saved, which has gone. */
  readonly hand = (offset: number, length: number): ArenaBlock | undefined => {
    const block = this.blocks.get(offset);
    return block?.length === length ? block : undefined;
  };
}

class World {
  readonly arena = new KnownArena();
  readonly #type: number;
  #errno = 0;
  rig: ReturnType<typeof rig>;
  readonly #taken: V4l2Buffer[] = [];
  moves = 0;

  constructor(type: number) {
    this.#type = type;
    this.rig = this.#make(type);
  }

  step(one: Action): unknown {
    const { queue } = this.rig;
    switch (one.kind) {
      case 'request':
        return this.rig.request(one.count, one.userptr ? V4L2_MEMORY_USERPTR : V4L2_MEMORY_MMAP).count;
      case 'create': {
        const {
          errno,
          count,
          index: first,
        } = this.rig.create(one.count, undefined, one.userptr ? V4L2_MEMORY_USERPTR : V4L2_MEMORY_MMAP);
        return [errno, count, first];
      }
      case 'remove': {
        const call = makeCall(VIDIOC_REMOVE_BUFS, v4l2_remove_buffers.size);
        v4l2_remove_buffers.fields.index.set(call.payload, 0, one.index);
        v4l2_remove_buffers.fields.count.set(call.payload, 0, one.count);
        v4l2_remove_buffers.fields.type.set(call.payload, 0, this.#type);
        return queue.removeBuffers(call);
      }
      case 'prepare':
      case 'queue':
        return this.#buffer(one.kind, one.index, one);
      case 'on':
        this.#errno = one.errno;
        return queue.streamOn();
      case 'off':
        this.#taken.length = 0;
        return queue.streamOff();
      case 'take': {
        const buffer = queue.take();
        if (buffer !== undefined) this.#taken.push(buffer);
        return buffer && [buffer.index, buffer.flags >>> 0, hexOf(buffer.timestamp), bufferMemory(buffer)];
      }
      case 'done': {
        const [buffer] = this.#taken.splice(one.which % Math.max(1, this.#taken.length), 1);
        const timestamp = new Uint8Array(16).fill(one.which);
        if (buffer !== undefined)
          queue.done(buffer, { bytesUsed: [one.bytes, 3], flags: one.flags, sequence: one.bytes, timestamp });
        return buffer?.index;
      }
      case 'fail':
        return queue.fail();
      case 'move':
        for (const buffer of this.#taken.splice(0)) queue.done(buffer, {});
        return undefined;
    }
  }

  /** Goes on with a queue that knows only what was saved. */
  move(): void {
    const old = this.rig;
    const state: unknown = JSON.parse(JSON.stringify(old.queue.save()));
    expect(state).toEqual(structuredClone(old.queue.save()));
    this.rig = this.#make(this.#type);
    this.rig.queue.restore(state, this.arena.hand);
    expect([this.rig.budget, this.rig.calls]).toEqual([old.budget, []]);
    this.moves++;
  }

  /** What was sent and told since the last time, and what can be asked. */
  get shown(): string {
    const { queue, seen, calls, budget } = this.rig;
    return JSON.stringify({
      events: seen.buffers.splice(0),
      calls: calls.splice(0),
      counts: [queue.streaming, queue.count, queue.claimed, queue.waiting, budget.bytes, this.arena.allocated],
      buffers: [0, 1, 2, 3, 4].map((i) => this.#buffer('query', i, { userptr: false, bytes: 0, flags: 0, time: 0 })),
    });
  }

  #buffer(
    verb: 'query' | 'prepare' | 'queue',
    at: number,
    o: { userptr: boolean; bytes: number; flags: number; time: number },
  ): unknown {
    const length = 1000 + o.bytes;
    const { errno, view, planes } = this.rig.buffer(
      verb,
      at,
      {
        memory: o.userptr ? V4L2_MEMORY_USERPTR : V4L2_MEMORY_MMAP,
        planes: [
          { length, bytesUsed: o.bytes },
          { length, bytesUsed: 2 },
        ].slice(0, this.#type === SINGLE ? 1 : 2),
        lists: [1, 2].map((i) => [
          { address: i * 0x1_0000_0000 + o.bytes, length: 500 },
          { address: 64, length: length - 500 },
        ]),
      },
      (payload) => {
        B.flags.set(payload, 0, o.flags);
        B.timestamp.fields.tv_usec.set(payload, 0, BigInt(o.time));
        B.timecode.fields.hours.set(payload, 0, o.time & 0xff);
      },
    );
    return [errno, hexOf(new Uint8Array(view.buffer)), hexOf(new Uint8Array(planes.buffer))];
  }

  #make(type: number) {
    const start = (): number => this.#errno;
    return rig({ type, arena: 1 << 20, client: { start }, buffers: (arena) => this.arena.over(arena) });
  }
}

describe('a queue of buffers that is saved and restored', () => {
  test.each([
    ['capture', SINGLE],
    ['capture of several planes', MULTI],
    ['output', OUTPUT],
  ])('goes on as if nothing had happened: answers, events, memory (%s)', (_name, type) => {
    let [moves, full] = [0, 0];
    fc.assert(
      fc.property(fc.array(action, { minLength: 10, maxLength: 60, size: 'max' }), (actions) => {
        const left = new World(type);
        const moved = new World(type);
        for (const one of [{ kind: 'request', count: 3, userptr: actions.length % 3 === 0 } as const, ...actions]) {
          expect(moved.step(one)).toEqual(left.step(one));
          const before = [left.shown, moved.shown];
          if (one.kind === 'move') {
            if (moved.rig.queue.waiting > 0 && moved.rig.queue.streaming) full++;
            moved.move();
          }
          expect(before[1]).toBe(before[0]);
          expect(moved.shown).toBe(left.shown);
        }
        moves += moved.moves;
      }),
      { numRuns: 30 },
    );
    expect([moves > 30, full > 0]).toEqual([true, true]);
  });

  test('is not saved while a buffer is with the device, its event waits, or the queue is on its way', async () => {
    let settle = (_errno: number): void => {};
    const ticket: DequeueTicket & { waiting: boolean } = { waiting: true, withdraw: () => {} };
    const { queue, request, buffer, seen } = rig({
      client: { start: () => new Promise<number>((resolve) => (settle = resolve)), stop: () => Promise.resolve() },
    });
    request(2);
    buffer('queue', 1);
    const started = queue.streamOn();
    expect(() => queue.save()).toThrow(new NotIdleError('queue 1 is starting'));
    settle(0);
    await started;
    const taken = queue.take() as V4l2Buffer;
    expect(() => queue.save()).toThrow(new NotIdleError('buffer 1 is with the device: it is being filled or read'));
    seen.dequeue = () => ticket as never;
    queue.done(taken, {});
    expect(() => queue.save()).toThrow(new NotIdleError('the event of buffer 1 has not reached the guest yet'));
    ticket.waiting = false;
    expect(queue.save().state).toBe('streaming');
    const stopped = queue.streamOff();
    expect(() => queue.save()).toThrow(new NotIdleError('queue 1 is stopping'));
    await stopped;
    expect(queue.save().state).toBe('allocated');
  });

  test('is not saved while memory of its buffers is awaited', async () => {
    let settle = (): void => {};
    const cleaned = new Promise<void>((resolve) => (settle = resolve));
    const { queue, request } = rig({
      buffers: (arena) => ({ allocate: () => undefined, settled: () => cleaned, allocated: arena.allocated }),
    });
    const { errno } = request(1);
    expect(() => queue.save()).toThrow(new NotIdleError('queue 1 waits for memory of buffers'));
    settle();
    await errno;
    expect(queue.save().state).toBe('empty');
  });

  test('is refused by name where a field is wrong, and the queue that refused it is as new and holds nothing', () => {
    for (const memory of [V4L2_MEMORY_MMAP, V4L2_MEMORY_USERPTR]) {
      const world = new World(OUTPUT);
      world.rig.request(2, memory);
      for (const one of [0, 1]) {
        world.step({ kind: 'queue', index: one, userptr: memory === V4L2_MEMORY_USERPTR, bytes: 9, flags: 0, time: 4 });
      }
      const state = world.rig.queue.save();
      expect(state.waiting).toEqual([0, 1]);
      const { queue, budget } = rig({ type: OUTPUT });
      let held = 0;
      const blockAt = (offset: number, length: number): ArenaBlock | undefined => {
        const block = world.arena.hand(offset, length);
        if (block !== undefined) held++;
        return block && { ...block, release: () => held-- };
      };
      const all = mutations(state);
      expect(all.length).toBeGreaterThan(200);
      expect(all.map((mutation) => complaint(mutation, (wrong) => queue.restore(wrong, blockAt))).filter(Boolean)).toEqual([]);
      const [first, second] = state.buffers;
      const wrong = (more: object) => () => queue.restore({ ...state, ...more }, blockAt);
      expect(wrong({ buffers: [first, { ...second, index: 0 }] })).toThrow(/buffers\[1\].index is 0: .* no other buffer/);
      expect(wrong({ buffers: [first, { ...second, index: 99 }] })).toThrow(/index is 99: it must be an integer from 0 to 31/);
      expect(wrong({ buffers: [first, { ...second, planes: [] }] })).toThrow(/planes is an array of 0: it must be at least one/);
      expect(wrong({ waiting: [1, 1] })).toThrow('queue.waiting is an array of 2: it must be each queued buffer once');
      expect(wrong({ state: 'empty' })).toThrow('queue.state is "empty": it must be another for 2 buffers');
      expect(wrong({ memory: 4 })).toThrow(/queue.memory is 4/);
      expect(wrong({ type: SINGLE })).toThrow('queue.type is 1: it must be 10');
      expect([queue.save(), held, budget.bytes]).toEqual([rig({ type: OUTPUT }).queue.save(), 0, 0]);
    }
  });

  test('is restored within the bytes that the device may hold, and only over a fresh queue', () => {
    const { queue, request, arena } = rig();
    request(3);
    const state = queue.save();
    expect(() => queue.restore(state, () => undefined)).toThrow(/queue 1 is in use/);
    expect(() => rig().queue.restore(state, () => undefined)).toThrow(
      /planes\[0\].offset is \d+: .* where a block of 1000 bytes lies/,
    );
    const small = rig({ limits: { bufferBytes: 2500 } });
    expect(() => small.queue.restore(state, (_offset, length) => arena.allocate(length))).toThrow(/within the 2500 bytes/);
    expect([small.budget.bytes, arena.blocks]).toEqual([0, 3]);
  });
});
