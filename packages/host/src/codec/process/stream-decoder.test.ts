// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type PictureLayout, pictureLayout, V4L2_PIX_FMT_YUV420 } from '@paravideo/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadAv } from '../../av/index.ts';
import type { CodecReport } from '../codec-messages.ts';
import { ivfFrames } from '../testing/streams.ts';
import { StreamDecoder } from './stream-decoder.ts';

const av = await loadAv();
const file = readFileSync(fileURLToPath(new URL('../../../fixtures/vp8-odd.ivf', import.meta.url)));
const frames = ivfFrames(file);

let reports: CodecReport[];
let stream: StreamDecoder;

beforeEach(() => {
  reports = [];
  const bytes = (offset: number, length: number): Uint8Array => new Uint8Array(frames[offset] ?? []).subarray(0, length);
  stream = new StreamDecoder(1, 'vp8', 1, { av, bytes, report: (report) => reports.push(report) });
});

afterEach(() => stream[Symbol.dispose]());

/** Inputs by number; the "arena" has one at each offset. */
function push(...ids: number[]): void {
  for (const id of ids) stream.push({ kind: 'data', id, offset: id, length: frames[id]?.length ?? 0, mayContinue: false });
}

const count = (kind: CodecReport['kind']): number => reports.filter((report) => report.kind === kind).length;

/** Works until the reports should leave, or there is nothing to do; what came up. */
function work(): CodecReport[] {
  reports.length = 0;
  while (stream.step() && !stream.awaited);
  return [...reports];
}

/** Lets the format of the first frame be found, and gives `targets` buffers for it. */
function answer(targets: number): void {
  const layout = pictureLayout(V4L2_PIX_FMT_YUV420, 175, 143) as PictureLayout;
  stream.exchanged();
  stream.setOutput(1, layout);
  for (let id = 0; id < targets; id += 1) stream.supply({ id, memory: layout.sizes.map((size) => new Uint8Array(size)) });
}

describe('the reports of a stream', () => {
  it('leave at once when they tell a format', () => {
    push(0, 1, 2, 3, 4, 5, 6, 7);
    expect(work().map(({ kind }) => kind)).toEqual(['format', 'inputDone']);
    expect(stream.awaited).toBe(true);
    stream.exchanged();
    expect(stream.awaited).toBe(false);
  });

  it('wait to share a message while more inputs are queued than are owed', () => {
    push(0, 1, 2, 3, 4, 5, 6, 7);
    work();
    answer(20);
    work();
    // Of the 7 that are left 3 are done, one is being decoded, and 3 wait.
    expect(count('inputDone')).toBe(3);
    stream.exchanged();
    work();
    expect(count('inputDone')).toBe(2);
  });

  it('wait to share a message while more targets are there than are owed', () => {
    push(...frames.keys());
    work();
    answer(4);
    work();
    expect(count('picture')).toBe(2);
    stream.exchanged();
    work();
    expect(count('picture')).toBe(1);
  });

  it('leave at once when nothing else is queued', () => {
    push(0);
    work();
    answer(20);
    work();
    for (const id of [1, 2, 3]) {
      stream.exchanged();
      push(id);
      work();
      expect([count('inputDone'), stream.awaited]).toEqual([1, true]);
    }
  });
});
