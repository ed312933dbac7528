// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import {
  type Capture,
  type Frame,
  type PictureLayout,
  pictureLayout,
  SharedSource,
  SourceError,
  V4L2_PIX_FMT_NV12,
} from '@paravideo/core';
import { frameSourceSuite } from '@paravideo/core/conformance';
import { ManualClock } from '@paravideo/core/testing';
import { PNG } from 'pngjs';
import { afterEach, describe, expect, it } from 'vitest';
import { detach, openDescriptors, viewAt } from '../../sys/index.ts';
import { oriented } from '../media-file/testing/oriented.ts';
import { openSlides } from './index.ts';

const cleanups: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const [WIDTH, HEIGHT] = [64, 48] as const;
const LAYOUT = pictureLayout(V4L2_PIX_FMT_NV12, WIDTH, HEIGHT) as PictureLayout;
const HOUR = 3_600_000_000;

/** A picture of one grey. */
function grey(value: number, width: number = WIDTH, height: number = HEIGHT): Buffer {
  const png = new PNG({ width, height });
  png.data.fill(value);
  for (let i = 3; i < png.data.length; i += 4) png.data[i] = 255;
  return PNG.sync.write(png);
}

/** A PNG that says that it is of this size. */
function claiming(side: number): Buffer {
  const bytes = Buffer.from(grey(9));
  bytes.writeUInt32BE(side, 16);
  bytes.writeUInt32BE(side, 20);
  bytes.writeUInt32BE(crc32(bytes.subarray(12, 29)), 29);
  return bytes;
}

/** Luma that a grey has in limited range. */
const luma = (value: number): number => Math.round(16 + (219 * value) / 255);

/** A folder that is shown, an hour for each picture. */
class Rig {
  readonly folder = mkdtempSync(join(tmpdir(), 'pv-slides-'));
  readonly clock = new ManualClock();
  readonly told: string[] = [];
  /** luma in the middle of the last frame */
  shown = -1;
  /** luma of its first pixel */
  corner = -1;
  #capture: Capture | undefined;

  constructor() {
    cleanups.push(() => rmSync(this.folder, { recursive: true }));
  }

  put(name: string, bytes: Buffer | string): void {
    writeFileSync(join(this.folder, name), bytes);
  }

  async open(o: { fit?: 'contain' | 'cover' } = {}): Promise<Capture> {
    const write = (fields: object, text: string): void => {
      const { name, reason } = fields as { name?: string; reason?: string };
      if (!text.startsWith('a child process')) this.told.push(name === undefined ? text : `${name}: ${reason}`);
    };
    const log = { debug: () => {}, info: write, warn: write, error: write };
    this.#capture = await openSlides(this.folder, { log, clock: this.clock, seconds: HOUR / 1e6, ...o });
    const capture = this.#capture;
    cleanups.push(async () => capture[Symbol.asyncDispose]());
    return capture;
  }

  /** Streams from now on. */
  start(): Disposable | undefined {
    return this.#capture?.start(
      { layout: LAYOUT, interval: { numerator: 1, denominator: 30 } },
      {
        wantsFrame: () => true,
        frame: (frame) => {
          const bytes = read(frame);
          this.corner = bytes[0] ?? -1;
          this.shown = bytes[(HEIGHT / 2) * WIDTH + WIDTH / 2] ?? -1;
          frame.release();
        },
        ended: () => {},
      },
    );
  }

  /** Frames until this is so. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      this.clock.advance(40_000);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }

  /** The next picture, and frames until that one is shown. */
  async turnTo(value: number): Promise<void> {
    this.clock.advance(HOUR);
    await this.until(() => Math.abs(this.shown - luma(value)) <= 1);
  }
}

function read({ planes: [plane] }: Pick<Frame, 'planes'>): Uint8Array {
  if (plane?.kind !== 'address') return plane?.bytes ?? new Uint8Array();
  const view = viewAt(plane.address, plane.length);
  const bytes = view.slice();
  detach(view);
  return bytes;
}

describe('slides', () => {
  it('are the pictures of a folder in the order of people, for ever, and a new one from the next round on', async () => {
    const rig = new Rig();
    rig.put('picture 10.png', grey(100));
    rig.put('Picture 9.png', grey(50));
    rig.put('picture 11.png', grey(200));
    rig.put('.hidden.png', grey(250));
    mkdirSync(join(rig.folder, 'picture 1.png'));
    await rig.open();
    rig.start();
    await rig.until(() => rig.shown === luma(50));
    for (const value of [100, 200, 50, 100]) await rig.turnTo(value);
    rig.put('picture 9b.png', grey(150));
    rig.put('picture 11.png', grey(220));
    for (const value of [220, 50, 150, 100]) await rig.turnTo(value);
    expect(rig.told).toEqual([]);
  });

  it('leave out what cannot be shown, with a line for each, once, until it is another file', async () => {
    const rig = new Rig();
    rig.put('1.png', grey(50));
    rig.put('2.txt', 'no picture at all\n'.repeat(100));
    execFileSync('mkfifo', [join(rig.folder, '3.png')]);
    writeFileSync(join(tmpdir(), 'pv-outside.png'), grey(250));
    cleanups.push(() => rmSync(join(tmpdir(), 'pv-outside.png')));
    symlinkSync(join(tmpdir(), 'pv-outside.png'), join(rig.folder, '4.png'));
    rig.put('5.png', claiming(60_000));
    rig.put('6.png', '');
    rig.put('7.png', grey(70));
    truncateSync(join(rig.folder, '7.png'), 60);
    rig.put('8.png', grey(100));
    await rig.open();
    rig.start();
    await rig.until(() => rig.shown === luma(50));
    for (const value of [100, 50, 100]) await rig.turnTo(value);
    expect(rig.told).toEqual([
      expect.stringMatching(/^2\.txt: it is no film and no picture/),
      '3.png: it is no file: put a picture there',
      expect.stringMatching(/^4\.png: it is a link/),
      expect.stringMatching(/^5\.png: /),
      '6.png: it is empty',
      expect.stringMatching(/^7\.png: /),
    ]);
    rig.put('7.png.new', grey(150));
    renameSync(join(rig.folder, '7.png.new'), join(rig.folder, '7.png'));
    for (const value of [50, 150]) await rig.turnTo(value);
    expect(rig.told.length).toBe(6);
  });

  it('are absent until there is a picture, and stay when there is none any more', async () => {
    const rig = new Rig();
    const capture = await rig.open();
    expect(capture.absent).toMatch(/there is no picture in/);
    let told = 0;
    capture.watch(() => told++);
    rig.put('a.png', grey(80));
    rig.clock.advance(HOUR);
    await rig.until(() => told === 1);
    expect(capture.absent).toBeUndefined();
    rig.start();
    await rig.until(() => rig.shown === luma(80));
    rmSync(join(rig.folder, 'a.png'));
    rig.clock.advance(HOUR);
    await rig.until(() => rig.told.length === 2);
    rig.put('b.png', grey(90));
    await rig.turnTo(90);
    expect(rig.told).toEqual(Array(2).fill('there is no picture in the folder that can be shown: put some there'));
  });

  it('do not go on while nobody sees them', async () => {
    const rig = new Rig();
    rig.put('1.png', grey(50));
    rig.put('2.png', grey(100));
    await rig.open();
    for (let i = 0; i < 3; i++) rig.clock.advance(HOUR);
    using _start = rig.start();
    await rig.until(() => rig.shown === luma(50));
    await rig.turnTo(100);
  });

  it('are upright, as their EXIF orientation says', async () => {
    const rig = new Rig();
    // Black on the left, and upside down.
    const half = 'color=white:size=64x48,drawbox=x=0:y=0:w=32:h=48:color=black:t=fill';
    const file = join(rig.folder, 'photo.jpg');
    execFileSync('ffmpeg', ['-nostdin', '-v', 'error', '-f', 'lavfi', '-i', half, '-frames:v', '1', file]);
    rig.put('photo.jpg', oriented(readFileSync(file), 3));
    await rig.open();
    rig.start();
    await rig.until(() => rig.corner >= 0);
    expect(rig.corner).toBeGreaterThan(luma(240));
  });

  it.each([
    ['contain', 16],
    ['cover', luma(200)],
  ] as const)('of another shape are shown as fit says: %s', async (fit, corner) => {
    const rig = new Rig();
    rig.put('wide.png', grey(200, 64, 16));
    await rig.open({ fit });
    rig.start();
    await rig.until(() => rig.shown === luma(200));
    expect(rig.corner).toBe(corner);
  });

  it('cannot be had of a folder that is not there, or is none', async () => {
    const rig = new Rig();
    rig.put('file', 'x');
    const log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
    await expect(openSlides(join(rig.folder, 'none'), { log })).rejects.toThrow(/no such folder \(ENOENT\)/);
    await expect(openSlides(join(rig.folder, 'file'), { log })).rejects.toThrow(SourceError);
  });

  it('leave no descriptor behind', async () => {
    const rig = new Rig();
    for (let i = 0; i < 5; i++) rig.put(`${i}.png`, grey(50 * i));
    rig.put('x.txt', 'x');
    const before = openDescriptors();
    const capture = await rig.open();
    const start = rig.start();
    for (const value of [50, 100, 150, 200, 0]) await rig.turnTo(value);
    start?.[Symbol.dispose]();
    await capture[Symbol.asyncDispose]();
    expect(openDescriptors()).toEqual(before);
  });

  describe('are a FrameSource', () => {
    const suite = frameSourceSuite(async () => {
      const rig = new Rig();
      for (let i = 0; i < 3; i++) rig.put(`${i}.png`, grey(50 * i));
      const source = new SharedSource(await rig.open());
      return {
        source,
        step: async () => {
          rig.clock.advance(40_000);
          await new Promise((resolve) => setTimeout(resolve, 2));
        },
        read: (plane) => read({ planes: [plane] }),
        close: () => source[Symbol.asyncDispose](),
      };
    });
    for (const each of suite) it(each.title, each.run);
  });
});
