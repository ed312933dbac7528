// SPDX-License-Identifier: Apache-2.0
import { ARENA_ALIGN, type ArenaBlock, type HostBuffers } from '../../ports/host-buffers.ts';
import { demand, demandSame, type PortCase } from './port-case.ts';

/** What the suite needs of an arena under test: a fresh one for each case. */
export interface HostBuffersFixture {
  readonly buffers: HostBuffers;
  /** bytes of the arena, a multiple of ARENA_ALIGN; at least 16 times ARENA_ALIGN */
  readonly size: number;
  /** the bytes at a place of the arena, for reading and writing */
  view(offset: number, length: number): Uint8Array;
  close(): void | Promise<void>;
}

/** The conformance suite of the `HostBuffers` port. */
export function hostBuffersSuite(open: () => HostBuffersFixture | Promise<HostBuffersFixture>): PortCase[] {
  const one = (title: string, run: (fixture: HostBuffersFixture) => void): PortCase => ({
    title,
    run: async () => {
      const fixture = await open();
      try {
        run(fixture);
      } finally {
        await fixture.close();
      }
    },
  });
  return [
    one('blocks are aligned, as long as asked for, and do not overlap', ({ buffers, size }) => {
      const blocks = [1, 65536, 65537, 100_000].map((length) => {
        const block = must(buffers.allocate(length));
        demandSame(block.length, length, 'a block has the length that was asked for');
        demand(block.offset % ARENA_ALIGN === 0, 'a block starts at a multiple of ARENA_ALIGN');
        demand(block.offset + length <= Math.min(size, 2 ** 32), 'a block lies inside the arena, below 4 GiB');
        return block;
      });
      const ranges = blocks.map((b) => [b.offset, b.offset + b.length] as const).sort((a, b) => a[0] - b[0]);
      ranges.forEach(([start], i) => {
        demand(i === 0 || start >= (ranges[i - 1]?.[1] ?? 0), 'blocks do not overlap');
      });
    }),
    one('a block is zeroed, also in memory that was used before', ({ buffers, view, size }) => {
      for (let round = 0; round < 3; round++) {
        const block = must(buffers.allocate(size >> 1));
        const bytes = view(block.offset, block.length);
        demand(
          bytes.every((b) => b === 0),
          `a fresh block is zeroed (round ${round})`,
        );
        bytes.fill(0xff);
        block.release();
      }
    }),
    one('nothing is allocated for a length of 0 or of more than the arena', ({ buffers, size }) => {
      for (const length of [0, -1, size + 1, 2 ** 40, Number.POSITIVE_INFINITY, Number.NaN]) {
        demand(buffers.allocate(length) === undefined, `allocate(${length}) answers undefined`);
      }
      demandSame(buffers.allocated, 0, 'bytes allocated after refusals');
    }),
    one('`allocated` counts whole pages of ARENA_ALIGN, up and down', ({ buffers }) => {
      const first = must(buffers.allocate(1));
      demandSame(buffers.allocated, ARENA_ALIGN, 'allocated after one byte');
      const second = must(buffers.allocate(ARENA_ALIGN + 1));
      demandSame(buffers.allocated, 3 * ARENA_ALIGN, 'allocated after ARENA_ALIGN + 1 more');
      first.release();
      second.release();
      demandSame(buffers.allocated, 0, 'allocated after all was released');
    }),
    one('a block lives until its last reference is gone', ({ buffers, view }) => {
      const block = must(buffers.allocate(5000));
      block.retain();
      block.retain();
      view(block.offset, 5000).fill(7);
      block.release();
      block.release();
      demand(
        view(block.offset, 5000).every((b) => b === 7),
        'the bytes stay while a reference is left',
      );
      const other = must(buffers.allocate(5000));
      demand(other.offset !== block.offset, 'the place is not given to another block while a reference is left');
      block.release();
      demandSame(buffers.allocated, ARENA_ALIGN, 'allocated after the last release');
    }),
    one('a full arena says so, and can be used again after releases', ({ buffers, size }) => {
      const blocks: ArenaBlock[] = [];
      for (let i = 0; i <= size / ARENA_ALIGN; i++) {
        const block = buffers.allocate(ARENA_ALIGN);
        if (block === undefined) break;
        blocks.push(block);
      }
      demandSame(blocks.length, size / ARENA_ALIGN, 'blocks that fit the arena');
      demand(buffers.allocate(1) === undefined, 'a full arena answers undefined');
      // Every second one first: what is free is in pieces then, and must become one again.
      blocks.forEach((block, i) => {
        if (i % 2 === 0) block.release();
      });
      demand(buffers.allocate(2 * ARENA_ALIGN) === undefined, 'pieces that do not touch make no larger block');
      blocks.forEach((block, i) => {
        if (i % 2 === 1) block.release();
      });
      demandSame(must(buffers.allocate(size)).length, size, 'the whole arena in one block');
    }),
  ];
}

function must(block: ArenaBlock | undefined): ArenaBlock {
  demand(block !== undefined, 'an arena with room allocates');
  return block;
}
