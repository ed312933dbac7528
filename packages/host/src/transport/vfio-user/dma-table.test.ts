// SPDX-License-Identifier: Apache-2.0
import { afterEach, describe, expect, it, vi } from 'vitest';
import { HostGuestMemory, UNMAPS_PER_TURN } from '../../memory/index.ts';
import { mappingsOf, memfd } from '../../sys/index.ts';
import { DmaTable } from './dma-table.ts';
import { MAX_DMA_MAPS } from './protocol.ts';

const PAGE = 4096;
const RW = 3;

afterEach(() => void vi.restoreAllMocks());

/** Counts how often lists are looked at entry by entry. */
function counted(): () => number {
  let looks = 0;
  for (const name of ['find', 'findIndex', 'filter', 'some', 'sort'] as const) {
    const real = Array.prototype[name] as (this: unknown[], each: (...args: unknown[]) => unknown) => unknown;
    vi.spyOn(Array.prototype, name as 'filter').mockImplementation(function (this: unknown[], each) {
      return real.call(this, (...args: unknown[]) => {
        looks += 1;
        return (each as (...args: unknown[]) => unknown)(...args);
      }) as unknown[];
    });
  }
  return () => looks;
}

describe('a table of many pieces of memory', () => {
  it('looks at a few of them for a piece that comes or goes', () => {
    using memory = new HostGuestMemory();
    using fd = memfd('pieces', PAGE);
    const table = new DmaTable(memory);
    for (let i = 0; i < MAX_DMA_MAPS - 1; i++) table.map({ address: 2 * i * PAGE, size: PAGE, offset: 0, flags: RW }, fd);
    const looks = counted();
    const address = 2 * 1000 * PAGE + PAGE;
    expect(table.map({ address, size: PAGE, offset: 0, flags: RW }, fd)).toBe(true);
    expect(table.unmap(address, PAGE)).toBe(true);
    expect(looks()).toBeLessThan(64);
  });

  it('unmaps a bounded number of them in a turn of the event loop, however many go at once', async () => {
    using memory = new HostGuestMemory();
    using fd = memfd('many-pieces', PAGE);
    const mapped = () => mappingsOf('/memfd:many-pieces');
    const table = new DmaTable(memory);
    for (let i = 0; i < MAX_DMA_MAPS; i++) table.map({ address: 2 * i * PAGE, size: PAGE, offset: 0, flags: RW }, fd);
    expect(table.unmapAll()).toBe(true);
    expect([table.size, memory.regions.length, mapped()]).toEqual([0, 0, MAX_DMA_MAPS - UNMAPS_PER_TURN]);
    await memory.unmapped();
    expect(mapped()).toBe(0);
    expect(memory.unmapped()).toBeUndefined();
  });

  it('takes out the pieces of a range, and refuses to cut a piece at either end of it', () => {
    using memory = new HostGuestMemory();
    const table = new DmaTable(memory);
    const at = (page: number, pages: number) =>
      table.map({ address: page * PAGE, size: pages * PAGE, offset: 0, flags: RW }, undefined);
    for (const [page, pages] of [
      [8, 2],
      [2, 2],
      [4, 4],
      [20, 1],
    ] as const) {
      at(page, pages);
    }
    expect(() => at(3, 1)).toThrow(/overlaps .* at guest address 8192/);
    expect(() => at(0, 3)).toThrow(/overlaps/);
    expect(() => at(19, 3)).toThrow(/overlaps/);
    expect(() => table.unmap(3 * PAGE, 8 * PAGE)).toThrow(/cut that of 8192 bytes at guest address 8192/);
    expect(() => table.unmap(2 * PAGE, 7 * PAGE)).toThrow(/cut that of 8192 bytes at guest address 32768/);
    expect(() => table.unmap(10 * PAGE, 10 * PAGE)).toThrow(/no memory/);
    expect(table.size).toBe(4);
    table.unmap(0, 10 * PAGE);
    expect(table.size).toBe(1);
    table.unmapAll();
    expect(table.size).toBe(0);
  });
});
