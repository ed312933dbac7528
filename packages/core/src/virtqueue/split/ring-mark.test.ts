// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { RegionMemory } from '../../memory/region-memory.ts';
import { RingMark } from './ring-mark.ts';

const LAYOUT = { size: 4, descriptors: 0x1000, available: 0x1100, used: 0x1200 };

function memory(): { memory: RegionMemory; bytes: Uint8Array } {
  const bytes = new Uint8Array(0x1000);
  const region = new RegionMemory();
  region.addRegion({ address: 0x1000, bytes });
  // The used index, and the length of one element.
  bytes[0x202] = 3;
  bytes[0x208] = 8;
  return { memory: region, bytes };
}

describe('a ring that was stopped', () => {
  it('is known again, with what the driver has added meanwhile', () => {
    const { memory: guest, bytes } = memory();
    const mark = RingMark.of(guest, LAYOUT, 3, 3);
    bytes[0x102] = 4;
    bytes[0x104] = 1;
    expect(mark.matches(guest, LAYOUT, 3)).toBe(true);
  });

  it.each([
    ['starts elsewhere', { ...LAYOUT, used: 0x1300 }, 3, undefined],
    ['has another size', { ...LAYOUT, size: 2 }, 3, undefined],
    ['goes on at another index', LAYOUT, 2, undefined],
    ['has another used index', LAYOUT, 3, 0x202],
    ['has other used elements', LAYOUT, 3, 0x208],
  ])('is not one that %s', (_, layout, next, zeroed) => {
    const { memory: guest, bytes } = memory();
    const mark = RingMark.of(guest, LAYOUT, 3, 3);
    if (zeroed !== undefined) bytes[zeroed] = 0;
    expect(mark.matches(guest, layout, next)).toBe(false);
  });

  it('is not known again where its memory has gone', () => {
    const { memory: guest } = memory();
    const mark = RingMark.of(guest, LAYOUT, 3, 3);
    guest.removeRegion(0x1000);
    expect(mark.matches(guest, LAYOUT, 3)).toBe(false);
  });
});
