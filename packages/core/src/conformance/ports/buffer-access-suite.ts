// SPDX-License-Identifier: Apache-2.0
import { sameBytes } from '../../base/index.ts';
import type { BufferAccess } from '../../ports/buffer-access.ts';
import type { BufferMemory, GuestRange, PlaneStorage } from '../../ports/buffer-memory.ts';
import { demand, demandSame, type PortCase } from './port-case.ts';

/** What the suite needs of a copier under test: a fresh one for each case. */
export interface BufferAccessFixture {
  readonly access: BufferAccess;
  /** memory of the arena, `length` bytes, zeroed */
  arena(length: number): BufferMemory;
  /** a run of guest memory, `length` bytes, zeroed, with other memory around it */
  guest(length: number): GuestRange;
  /** a range that is in no guest memory */
  readonly absent: GuestRange;
  /** the bytes of arena or guest memory, now */
  read(memory: BufferMemory): Uint8Array;
  write(memory: BufferMemory, bytes: Uint8Array): void;
  /** storage of a producer with these bytes: in this heap or mapped, as the adapter's producers have it */
  storage(bytes: Uint8Array): PlaneStorage;
  /** storage of `length` bytes, zeroed, into which the adapter's sinks have frames fetched, and its bytes */
  room(length: number): { readonly storage: PlaneStorage; readonly bytes: Uint8Array };
  close(): void | Promise<void>;
}

/** `length` bytes that tell their place. */
function pattern(length: number, seed: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 7 + (i >> 8) * 13 + seed) & 0xff);
}

function total(ranges: readonly GuestRange[]): number {
  return ranges.reduce((sum, range) => sum + range.length, 0);
}

/** The conformance suite of the `BufferAccess` port. */
export function bufferAccessSuite(open: () => BufferAccessFixture | Promise<BufferAccessFixture>): PortCase[] {
  const one = (title: string, run: (fixture: BufferAccessFixture) => Promise<void>): PortCase => ({
    title,
    run: async () => {
      const fixture = await open();
      try {
        await run(fixture);
      } finally {
        await fixture.close();
      }
    },
  });
  const scattered = (f: BufferAccessFixture, lengths: readonly number[]): BufferMemory => {
    const ranges = lengths.map((length) => f.guest(length));
    return { kind: 'guest', ranges, length: total(ranges) };
  };
  return [
    one('store copies a plane into the arena', async (f) => {
      const bytes = pattern(100_003, 1);
      const to = f.arena(100_003);
      demand(await f.access.store([f.storage(bytes)], [to]), 'store resolves to true');
      demand(sameBytes(f.read(to), bytes), 'the bytes arrived');
    }),
    one('store copies a plane across the entries of a scatter list, in order', async (f) => {
      const to = scattered(f, [1, 4096, 333, 65_537, 2]);
      const bytes = pattern(to.length, 2);
      demand(await f.access.store([f.storage(bytes)], [to]), 'store resolves to true');
      demand(sameBytes(f.read(to), bytes), 'the bytes arrived');
    }),
    one('store copies each plane to its own buffer', async (f) => {
      const bytes = [pattern(5000, 3), pattern(2500, 4), pattern(17, 5)];
      const to = [f.arena(5000), scattered(f, [2000, 500]), f.arena(17)];
      demand(
        await f.access.store(
          bytes.map((b) => f.storage(b)),
          to,
        ),
        'store resolves to true',
      );
      to.forEach((memory, i) => {
        demand(sameBytes(f.read(memory), bytes[i] as Uint8Array), `plane ${i} arrived`);
      });
    }),
    one('store writes as many bytes as the plane has, and never past the buffer', async (f) => {
      const short = f.arena(1000);
      f.write(short, pattern(1000, 9));
      demand(await f.access.store([f.storage(pattern(10, 6))], [short]), 'store of a short plane resolves to true');
      demand(sameBytes(f.read(short).subarray(0, 10), pattern(10, 6)), 'the short plane arrived');
      demand(sameBytes(f.read(short).subarray(10), pattern(1000, 9).subarray(10)), 'the rest of the buffer is as it was');
      const range = f.guest(300);
      const narrow: BufferMemory = { kind: 'guest', ranges: [range], length: 100 };
      const whole: BufferMemory = { kind: 'guest', ranges: [range], length: 300 };
      await f.access.store([f.storage(pattern(300, 7))], [narrow]);
      demand(sameBytes(f.read(whole).subarray(0, 100), pattern(300, 7).subarray(0, 100)), 'the buffer got what fits');
      demand(
        f
          .read(whole)
          .subarray(100)
          .every((b) => b === 0),
        'nothing was written past `length`, though the list goes on',
      );
    }),
    one('store resolves to false if guest memory is not there, and goes on living', async (f) => {
      const to: BufferMemory = { kind: 'guest', ranges: [f.guest(100), f.absent], length: 100 + f.absent.length };
      demandSame(await f.access.store([f.storage(pattern(200, 8))], [to]), false, 'store to absent memory');
      const fine = f.arena(10);
      demandSame(await f.access.store([f.storage(pattern(10, 8))], [fine]), true, 'store afterwards');
    }),
    one('load copies a piece of a buffer, from arena and guest memory, to either', async (f) => {
      const sources = [f.arena(10_000), scattered(f, [3000, 1, 4999, 2000])];
      for (const from of sources) {
        const bytes = pattern(10_000, 10);
        f.write(from, bytes);
        for (const to of [f.arena(4321), scattered(f, [4000, 321])]) {
          demand(await f.access.load(from, 2999, to), 'load resolves to true');
          demand(sameBytes(f.read(to), bytes.subarray(2999, 2999 + 4321)), 'the piece arrived');
        }
      }
    }),
    one('load resolves to false past the end, and for guest memory that is not there', async (f) => {
      const to = f.arena(100);
      demandSame(await f.access.load(f.arena(100), 1, to), false, 'load past the end');
      const absent: BufferMemory = { kind: 'guest', ranges: [f.absent], length: f.absent.length };
      demandSame(await f.access.load(absent, 0, f.arena(Math.min(100, f.absent.length))), false, 'load from absent memory');
    }),
    one('fetch fills each plane from its byte of a buffer on, out of arena and guest memory', async (f) => {
      const from = [f.arena(10_000), scattered(f, [3000, 1, 4999, 2000])];
      from.forEach((memory, i) => {
        f.write(memory, pattern(10_000, 20 + i));
      });
      const rooms = [f.room(9000), f.room(4321)];
      const parts = from.map((memory, i) => ({ memory, offset: i === 0 ? 0 : 2999 }));
      demand(
        await f.access.fetch(
          parts,
          rooms.map(({ storage }) => storage),
        ),
        'fetch resolves to true',
      );
      demand(sameBytes(rooms[0]?.bytes as Uint8Array, pattern(10_000, 20).subarray(0, 9000)), 'the first plane arrived');
      demand(sameBytes(rooms[1]?.bytes as Uint8Array, pattern(10_000, 21).subarray(2999, 7320)), 'the second plane arrived');
    }),
    one('fetch resolves to false past the end, without a part, and for guest memory that is not there', async (f) => {
      const { storage, bytes } = f.room(100);
      const absent: BufferMemory = { kind: 'guest', ranges: [f.absent], length: f.absent.length };
      const tries = [[{ memory: f.arena(100), offset: 1 }], [{ memory: absent, offset: 0 }], []];
      for (const [i, from] of tries.entries()) demandSame(await f.access.fetch(from, [storage]), false, `fetch ${i}`);
      demand(
        bytes.every((b) => b === 0),
        'nothing was written',
      );
    }),
    one('many copies in flight do not disturb each other', async (f) => {
      const jobs = Array.from({ length: 40 }, (_, i) => {
        const bytes = pattern(3000 + i, i);
        const to = i % 2 === 0 ? f.arena(3000 + i) : scattered(f, [1000, 2000 + i]);
        return { bytes, to, done: f.access.store([f.storage(bytes)], [to]) };
      });
      for (const { bytes, to, done } of jobs) {
        demand(await done, 'store resolves to true');
        demand(sameBytes(f.read(to), bytes), 'the bytes arrived');
      }
    }),
  ];
}
