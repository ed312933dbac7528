// SPDX-License-Identifier: Apache-2.0
import {
  type CapturedFrame,
  fourccName,
  type PictureLayout,
  pictureLayout,
  SharedSource,
  V4L2_PIX_FMT_GREY,
  V4L2_PIX_FMT_H264,
  V4L2_PIX_FMT_MJPEG,
  V4L2_PIX_FMT_NV12,
  V4L2_PIX_FMT_YUYV,
} from '@paravideo/core';
import { frameSourceSuite } from '@paravideo/core/conformance';
import { type ManualClock, ToyConsumer } from '@paravideo/core/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { LinuxClock } from '../../clock/index.ts';
import { detach, viewAt } from '../../sys/index.ts';
import { ThreadConverter } from '../converter/index.ts';
import { GLYPH_HEIGHT, GLYPH_WIDTH, glyphRow } from '../pattern/font.ts';
import { NoSignal } from './no-signal.ts';

const INTERVAL = { numerator: 1, denominator: 30 };
const LOG = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

const cleanups: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function noSignal(o: { converter?: boolean; clock?: LinuxClock | ManualClock } = {}): NoSignal {
  const converter = o.converter === false ? undefined : new ThreadConverter({ log: LOG });
  const pictures = new NoSignal({ log: LOG, clock: o.clock ?? new LinuxClock(), converter });
  cleanups.push(async () => {
    await pictures[Symbol.asyncDispose]();
    await converter?.[Symbol.asyncDispose]();
  });
  return pictures;
}

function read({ planes }: Pick<CapturedFrame, 'planes'>): Uint8Array[] {
  return planes.map((plane) => {
    if (plane.kind === 'bytes') return plane.bytes.slice();
    const view = viewAt(plane.address, plane.length);
    const bytes = view.slice();
    detach(view);
    return bytes;
  });
}

/** Frames of a layout, as many as are asked for, released when they were looked at. */
async function film<T>(
  pictures: NoSignal,
  layout: PictureLayout,
  count: number,
  look: (frame: CapturedFrame) => T,
): Promise<T[]> {
  const seen: T[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  const capture = pictures.capture('Tür 3');
  const run = capture.start(
    { layout, interval: INTERVAL },
    {
      wantsFrame: () => seen.length < count,
      frame: (frame) => {
        seen.push(look(frame));
        frame.release();
        if (seen.length === count) resolve();
      },
      ended: () => {},
    },
  );
  await promise;
  run[Symbol.dispose]();
  return seen;
}

const layoutOf = (fourcc: number, width: number, height: number) => pictureLayout(fourcc, width, height) as PictureLayout;

/** Lines of text in a grey picture: whatever stands in the cells of a line of `text` at some size, anywhere. */
function says(luma: Uint8Array, width: number, height: number, text: string, dot: number): boolean {
  const lit = (x: number, y: number): boolean => (luma[y * width + x] ?? 0) > 200;
  const dots = [...text].flatMap((character, i) =>
    Array.from({ length: GLYPH_HEIGHT }, (_, y) =>
      Array.from({ length: GLYPH_WIDTH }, (_, x) => ({
        x: (i * (GLYPH_WIDTH + 1) + x) * dot,
        y: y * dot,
        on: (glyphRow(character, y) & (1 << (GLYPH_WIDTH - 1 - x))) !== 0,
      })),
    ).flat(),
  );
  for (let top = 0; top + GLYPH_HEIGHT * dot <= height; top++) {
    for (let left = 0; left < width; left++) if (dots.every(({ x, y, on }) => lit(left + x, top + y) === on)) return true;
  }
  return false;
}

describe('the picture that says that there is no signal', () => {
  it('says so, with the name of the camera', async () => {
    const [picture] = await film(noSignal(), layoutOf(V4L2_PIX_FMT_GREY, 320, 240), 1, read);
    const luma = picture?.[0] as Uint8Array;
    expect(says(luma, 320, 240, 'NO SIGNAL', 4)).toBe(true);
    expect(says(luma, 320, 240, 'Tur 3', 2)).toBe(true);
    expect(says(luma, 320, 240, 'Tur 4', 2)).toBe(false);
  });

  it('is drawn once: every frame is the same memory, and goes with the last of them', async () => {
    const clock = new LinuxClock();
    const pictures = noSignal({ converter: false, clock });
    const layout = layoutOf(V4L2_PIX_FMT_YUYV, 640, 480);
    const places = await film(pictures, layout, 4, ({ planes, sequence, timestamp }) => ({ planes, sequence, timestamp }));
    expect(new Set(places.map(({ planes }) => JSON.stringify(planes))).size).toBe(1);
    const [a, b] = places as [(typeof places)[number], (typeof places)[number]];
    expect([b.sequence > a.sequence, b.timestamp > a.timestamp]).toEqual([true, true]);
  });

  it('is made in every format, of odd sizes and as JPEG, and as small as a picture can be', async () => {
    const pictures = noSignal();
    const { formats } = pictures.modes('x');
    for (const fourcc of formats) {
      for (const [width, height] of [
        [64, 48],
        [67, 49],
        [16, 16],
      ] as const) {
        const layout = layoutOf(fourcc, width, height);
        const [lengths] = await film(pictures, layout, 1, (frame) => read(frame).map(({ length }) => length));
        const what = `${fourccName(fourcc)} ${width}x${height}`;
        if (fourcc === V4L2_PIX_FMT_MJPEG) expect(lengths?.[0], what).toBeGreaterThan(100);
        else expect(lengths, what).toEqual(layout.sizes);
      }
    }
  });

  it('cannot be made in a format that nothing here codes, nor, without a converter, of an odd size', async () => {
    const source = new SharedSource(noSignal({ converter: false }).capture('x'));
    cleanups.push(() => source[Symbol.asyncDispose]());
    const consumers = [
      layoutOf(V4L2_PIX_FMT_H264, 64, 48),
      layoutOf(V4L2_PIX_FMT_MJPEG, 64, 48),
      layoutOf(V4L2_PIX_FMT_NV12, 65, 48),
    ].map((layout) => {
      const consumer = new ToyConsumer();
      source.start({ layout, interval: INTERVAL }, consumer);
      return consumer;
    });
    await Promise.resolve();
    for (const { reasons } of consumers) expect(reasons[0]).toMatch(/nothing here makes a picture in this format/);
  });

  describe('is a FrameSource', () => {
    const suite = frameSourceSuite(() => {
      const pictures = new NoSignal({ log: LOG, clock: new LinuxClock(), converter: undefined });
      const source = new SharedSource(pictures.capture('Camera'));
      return {
        source,
        step: () => new Promise((resolve) => setTimeout(resolve, 2)),
        read: (plane) => read({ planes: [plane] })[0] as Uint8Array,
        close: async () => {
          await source[Symbol.asyncDispose]();
          await pictures[Symbol.asyncDispose]();
        },
      };
    });
    for (const each of suite) it(each.title, each.run);
  });
});
