// SPDX-License-Identifier: Apache-2.0
/** Cameras that come and go, guests that lose memory in mid-copy, for a few seconds: afterwards everything is where it was. */
import {
  type BufferMemory,
  type Frame,
  type FrameConsumer,
  type PictureLayout,
  pictureLayout,
  SharedSource,
} from '@paravideo/core';
import { describe, expect, it } from 'vitest';
import { CopyPool } from '../src/memory/copy/index.ts';
import { Arena, HostGuestMemory } from '../src/memory/index.ts';
import { openPattern, PATTERN_FORMATS } from '../src/sources/index.ts';
import { detach, MemoryMapping, mappingsOf, memfd, openDescriptors, residentMemory, viewAt } from '../src/sys/index.ts';
import { until } from './vhost-user-rig.ts';

const AT_120 = { numerator: 1, denominator: 120 };
/** Room for one frame, scattered; each copy of a guest has its own. */
const AREA = 4 * 1024 * 1024;
const COPIES = 4;
const REGION = COPIES * AREA;
const BASE = 0x1_0000_0000;
const ROUNDS = 60;

/** A guest of one region that can be pulled out and put back. */
class Guest implements Disposable {
  readonly arena = Arena.create('soak-arena', 1 << 24);
  readonly memory = new HostGuestMemory();

  plug(): void {
    using fd = memfd('soak-guest', REGION);
    this.memory.addMapping(BASE, MemoryMapping.map(fd, 0, REGION, { writable: true }));
  }

  unplug(): void {
    this.memory.removeRegion(BASE);
  }

  [Symbol.dispose](): void {
    this.memory[Symbol.dispose]();
    this.arena[Symbol.dispose]();
  }
}

/** `length` bytes of guest memory from `start` on, in pieces that are cut by `random`, no two of them overlapping. */
function scatter(random: () => number, start: number, length: number): BufferMemory {
  const ranges: { address: number; length: number }[] = [];
  let address = start;
  for (let left = length; left > 0; ) {
    const piece = Math.min(left, 1 + Math.floor(random() * 20_000));
    ranges.push({ address, length: piece });
    address += piece + Math.floor(random() * 3);
    left -= piece;
  }
  return { kind: 'guest', ranges, length };
}

/** Copies every frame it is shown to guest memory and compares what arrived, byte by byte. */
class Copier implements FrameConsumer {
  readonly #guest: Guest;
  readonly #pool: CopyPool;
  readonly #random: () => number;
  begun = 0;
  readonly done = Promise.withResolvers<void>();
  copies = 0;
  /** done, but into memory that was pulled out meanwhile */
  removed = 0;
  refused = 0;
  wrong = 0;

  constructor(guest: Guest, pool: CopyPool, random: () => number) {
    this.#guest = guest;
    this.#pool = pool;
    this.#random = random;
  }

  wantsFrame(): boolean {
    return this.begun < COPIES;
  }

  frame(frame: Frame): void {
    const [plane] = frame.planes;
    if (plane?.kind !== 'address' || this.begun === COPIES) return;
    frame.retain();
    const to = scatter(this.#random, BASE + this.begun++ * AREA, plane.length);
    const { generation } = this.#guest.memory;
    void this.#pool
      .access(this.#guest)
      .store([plane], [to])
      .then((stored) => {
        if (!stored) this.refused++;
        // Copied to memory that was pulled out since: nothing is there to compare.
        else if (this.#guest.memory.generation !== generation) this.removed++;
        else this.#compare(plane, to);
        frame.release();
        if (this.copies + this.removed + this.refused === COPIES) this.done.resolve();
      });
  }

  #compare({ address, length }: { readonly address: number; readonly length: number }, to: BufferMemory): void {
    this.copies++;
    const view = viewAt(address, length);
    let at = 0;
    for (const range of to.kind === 'guest' ? to.ranges : []) {
      const arrived = Buffer.alloc(range.length);
      if (!this.#guest.memory.read(range.address, arrived) || !arrived.equals(view.subarray(at, at + range.length))) this.wrong++;
      at += range.length;
    }
    detach(view);
  }

  lost(): void {
    this.done.resolve();
  }
}

describe('cameras and copies, over and over', () => {
  // Much of it: minutes on a machine that is busy or slow.
  it('copy every byte, survive memory that is pulled out, and leave nothing behind', { timeout: 600_000 }, async () => {
    let state = 20_240_607;
    const random = (): number => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return state / 2 ** 32;
    };
    const round = async (pool: CopyPool, i: number): Promise<Copier> => {
      using guest = new Guest();
      guest.plug();
      await using source = new SharedSource(openPattern());
      const fourcc = PATTERN_FORMATS[i % PATTERN_FORMATS.length] ?? 0;
      const copier = new Copier(guest, pool, random);
      const layout = pictureLayout(fourcc, 96 + 2 * Math.floor(random() * 400), 64 + 2 * Math.floor(random() * 200));
      const stream = source.start({ layout: layout as PictureLayout, interval: AT_120 }, copier);
      // Every third guest loses its memory while frames are on their way, and has other memory there later.
      if (i % 3 === 0) {
        const some = Math.ceil(COPIES * random());
        await until(() => copier.begun >= some, 'some copies to begin');
        guest.unplug();
        guest.plug();
      }
      await copier.done.promise;
      stream[Symbol.dispose]();
      return copier;
    };
    const pool = CopyPool.start(2);
    // Engines warm up: what they allocate once is no leak.
    for (let i = 0; i < 5; i++) await round(pool, i);
    const before = { descriptors: openDescriptors(), maps: mappingsOf('/memfd:'), memory: residentMemory() ?? 0 };
    let copies = 0;
    for (let i = 0; i < ROUNDS; i++) {
      const copier = await round(pool, i);
      expect([copier.wrong, copier.refused]).toEqual([0, 0]);
      copies += copier.copies;
    }
    expect(copies).toBeGreaterThan(ROUNDS * 2);
    expect({ descriptors: openDescriptors(), maps: mappingsOf('/memfd:') }).toEqual({
      descriptors: before.descriptors,
      maps: before.maps,
    });
    // 60 pools of up to 4 MB, 60 guests of 16 MB and 60 threads went by: none of them is still here.
    expect((residentMemory() ?? 0) - before.memory).toBeLessThan(64 * 1024 * 1024);
    expect(pool.pending).toBe(0);
    expect(pool.stats.deaths).toBe(0);
    await pool.close();
  });
});
