// SPDX-License-Identifier: Apache-2.0
import { fourcc, pictureLayout } from '@paravideo/core';
import { describe, expect, it } from 'vitest';
import { FramePool } from '../sources/index.ts';
import { playedMemory } from './played-memory.ts';
import type { OutputSink } from './sink-adapter.ts';

const [YU12, RGB3, MJPG] = ['YU12', 'RGB3', 'MJPG'].map(fourcc) as [number, number, number];
const layout = (format: number) => {
  const made = pictureLayout(format, 640, 480);
  if (made === undefined) throw new TypeError('there is such a picture');
  return made;
};
const size = (format: number): number => FramePool.bytes(layout(format), 1);
const sink = (formats: readonly number[], kept = 0): OutputSink => ({
  formats,
  frameBytes: (taken) => (kept === 0 ? 0 : FramePool.bytes(taken, kept)),
  begin: () => ({ wantsFrame: () => false, frame: () => {}, end: () => {} }),
  [Symbol.asyncDispose]: async () => {},
});

describe('the memory of what is played', () => {
  it('is eight frames where nobody converts or keeps any', () => {
    expect(playedMemory(layout(YU12), [], [])).toBe(8 * size(YU12));
    expect(playedMemory(layout(YU12), [sink([]), sink([YU12])], [YU12, RGB3])).toBe(8 * size(YU12));
  });

  it('has what each sink keeps, in the format that it takes', () => {
    expect(playedMemory(layout(YU12), [sink([YU12], 8), sink([YU12], 8)], [])).toBe(24 * size(YU12));
    expect(playedMemory(layout(RGB3), [sink([YU12], 8)], [YU12])).toBe(8 * size(RGB3) + 16 * size(YU12));
  });

  it('has a conversion once for all sinks that take the same, and none for those that cannot be served', () => {
    const sinks = [sink([YU12]), sink([YU12]), sink([MJPG])];
    expect(playedMemory(layout(RGB3), sinks, [YU12])).toBe(8 * (size(RGB3) + size(YU12)));
    expect(playedMemory(layout(RGB3), sinks, [YU12, MJPG])).toBeGreaterThan(8 * (size(RGB3) + size(YU12)));
  });
});
