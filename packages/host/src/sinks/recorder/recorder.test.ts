// SPDX-License-Identifier: Apache-2.0
/** What becomes of a recording when the medium is full or the process dies. */
import { constants, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Frame, pictureLayout, V4L2_COLORSPACE_SMPTE170M, V4L2_FIELD_NONE, V4L2_PIX_FMT_YUV420 } from '@paravideo/core';
import { afterEach, describe, expect, it } from 'vitest';
import { CopyPool } from '../../memory/copy/index.ts';
import { Fd, mappingsOf, openDescriptors } from '../../sys/index.ts';
import type { SinkPlay } from '../sink-adapter.ts';
import { Recorder, type RecordingEnd } from './recorder.ts';
import type { RecordingName } from './recording-kind.ts';

const SOON = { timeout: 30_000 };
const layout = pictureLayout(V4L2_PIX_FMT_YUV420, 64, 48);
if (layout === undefined) throw new TypeError('there is such a picture');
const PICTURE = {
  layout,
  interval: { numerator: 1, denominator: 30 },
  colorimetry: { colorspace: V4L2_COLORSPACE_SMPTE170M, ycbcrEnc: 0, quantization: 0, xferFunc: 0 },
};
const SIZE = layout.sizes[0] ?? 0;

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** A frame in this heap, and whether it is held. */
function frame(sequence: number) {
  const held = { count: 0 };
  const one: Frame = {
    sequence,
    timestamp: 1_000_000 + sequence * 33_333,
    field: V4L2_FIELD_NONE,
    planes: [{ kind: 'bytes', bytes: new Uint8Array(SIZE).fill(sequence) }],
    retain: () => void held.count++,
    release: () => void held.count--,
  };
  return { one, held };
}

function recorder(kind: RecordingName) {
  const said: string[] = [];
  const tell = (_fields: object, message: string): void => void said.push(message);
  const log = { trace: tell, debug: tell, info: tell, warn: tell, error: tell };
  const copies = CopyPool.start(1);
  const made = new Recorder({ kind, log, copies });
  cleanups.push(() => copies.close());
  cleanups.push(() => made[Symbol.asyncDispose]());
  return { made, said };
}

/** Records until so many frames were taken, or no more are. */
async function record(play: SinkPlay, count: number): Promise<void> {
  for (let i = 0; i < count; i += 1) {
    await expect.poll(() => play.wantsFrame(), SOON).toBe(true);
    const { one, held } = frame(i);
    play.frame(one);
    await expect.poll(() => held.count, SOON).toBe(0);
  }
}

describe('a recording', () => {
  it.each(['y4m', 'h264.mkv', 'ffv1.mkv'] as const)(
    '%s ends with the disk, with the reason; its frames are free',
    async (kind) => {
      const { made, said } = recorder(kind);
      const ended: RecordingEnd[] = [];
      const output = Fd.adopt(openSync('/dev/full', constants.O_WRONLY));
      const play = made.record(PICTURE, { output, ended: (end) => void ended.push(end) });
      for (let i = 0; !said.includes('nothing more is recorded of what is played'); i += 1) {
        if (play.wantsFrame()) play.frame(frame(i).one);
        await new Promise(setImmediate);
      }
      expect(play.wantsFrame()).toBe(false);
      play.end();
      await expect.poll(() => ended, SOON).toEqual([{ bytes: 0, fault: 'no space left on device (ENOSPC)' }]);
      expect(output.open).toBe(false);
    },
  );

  it('ends with its process, and the next has a process of its own', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'pv-recorder-'));
    cleanups.push(() => rmSync(folder, { recursive: true }));
    const { made } = recorder('y4m');
    const ended: RecordingEnd[] = [];
    const open = (name: string) => ({
      output: Fd.adopt(openSync(join(folder, name), 'wx')),
      ended: (end: RecordingEnd) => void ended.push(end),
    });
    const first = made.record(PICTURE, open('first'));
    await record(first, 2);
    process.kill(made.pid ?? Number.NaN, 'SIGKILL');
    await expect.poll(() => ended.map(({ fault }) => fault), SOON).toEqual(['its process ended: signal SIGKILL']);
    expect(first.wantsFrame()).toBe(false);
    first.end();
    const second = made.record(PICTURE, open('second'));
    await record(second, 5);
    second.end();
    await expect.poll(() => ended.length, SOON).toBe(2);
    const head = 'YUV4MPEG2 W64 H48 F30:1 Ip A1:1 C420mpeg2 XCOLORRANGE=LIMITED\n'.length;
    expect(ended[1]).toEqual({ bytes: head + 5 * (6 + SIZE), fault: undefined });
    expect(readFileSync(join(folder, 'second')).length).toBe(head + 5 * (6 + SIZE));
  });

  it('leaves nothing behind, however often', async () => {
    const { made } = recorder('y4m');
    const ended: RecordingEnd[] = [];
    const many = async (count: number) => {
      for (let i = 0; i < count; i += 1) {
        const output = Fd.adopt(openSync('/dev/null', constants.O_WRONLY));
        made.record(PICTURE, { output, ended: (end) => void ended.push(end) }).end();
      }
      await expect.poll(() => ended.length, SOON).toBe(count);
      ended.length = 0;
    };
    await many(10);
    const before = [openDescriptors(), mappingsOf('paravideo-recorded')];
    for (let i = 0; i < 30; i += 1) await many(10);
    expect([openDescriptors(), mappingsOf('paravideo-recorded')]).toEqual(before);
  });
});
