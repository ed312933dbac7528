// SPDX-License-Identifier: Apache-2.0
import { formatInfo, fourccName, type PictureLayout, pictureLayout } from '../../picture/index.ts';
import type { PlaneStorage } from '../../ports/buffer-memory.ts';
import type { Frame, FrameConsumer, FrameSource } from '../../ports/frame-source.ts';
import { demand, demandSame, type PortCase } from './port-case.ts';

/** What the suite needs of a source under test: a fresh one for each case. */
export interface FrameSourceFixture {
  readonly source: FrameSource;
  /** lets some time pass, in which a running stream may bring frames; a few milliseconds, or one tick */
  step(): Promise<void>;
  /** the bytes of a plane of a frame */
  read(storage: PlaneStorage): Uint8Array;
  close(): void | Promise<void>;
}

/** steps in which a running stream must have brought a frame */
const STEPS = 2000;

interface SeenFrame {
  readonly sequence: number;
  readonly timestamp: number;
  readonly lengths: readonly number[];
}

/** A consumer that notes what came; `keep` frames are retained. */
class FrameWatcher implements FrameConsumer {
  readonly seen: SeenFrame[] = [];
  readonly kept: Frame[] = [];
  wants = true;
  keep = 0;
  readonly #read: (storage: PlaneStorage) => Uint8Array;

  constructor(read: (storage: PlaneStorage) => Uint8Array) {
    this.#read = read;
  }

  wantsFrame(): boolean {
    return this.wants;
  }

  frame(frame: Frame): void {
    const lengths = frame.planes.map((plane) => this.#read(plane).length);
    this.seen.push({ sequence: frame.sequence, timestamp: frame.timestamp, lengths });
    if (this.kept.length >= this.keep) return;
    frame.retain();
    this.kept.push(frame);
  }

  lost(): void {}
}

/** The conformance suite of the `FrameSource` port. */
export function frameSourceSuite(open: () => FrameSourceFixture | Promise<FrameSourceFixture>): PortCase[] {
  const one = (title: string, run: (fixture: FrameSourceFixture) => Promise<void>): PortCase => ({
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
  return [
    one('the capabilities agree with themselves', async ({ source }) => checkCapabilities(source)),
    one('a running stream brings frames: whole planes, rising sequence, time that does not go back', async (f) => {
      for (const fourcc of f.source.capabilities.formats) {
        const { watcher, stream, layout } = start(f, fourcc);
        await until(f, () => watcher.seen.length >= 3, `three frames of ${fourccName(fourcc)}`);
        stream[Symbol.dispose]();
        checkFrames(watcher.seen, layout);
      }
    }),
    one('nothing comes after the end of a stream, which may be ended twice; another can be started', async (f) => {
      for (const round of ['first', 'second']) {
        const { watcher, stream } = start(f);
        await until(f, () => watcher.seen.length > 0, `a frame of the ${round} stream`);
        stream[Symbol.dispose]();
        stream[Symbol.dispose]();
        const ended = watcher.seen.length;
        for (let i = 0; i < 60; i++) await f.step();
        demandSame(watcher.seen.length, ended, `frames after the end of the ${round} stream`);
      }
    }),
    one('a consumer that wants no frame gets none, and sees the gap in the sequence', async (f) => {
      const { watcher, stream } = start(f);
      await until(f, () => watcher.seen.length > 0, 'a frame');
      watcher.wants = false;
      const count = watcher.seen.length;
      const before = watcher.seen.at(-1)?.sequence ?? 0;
      const other = start(f);
      await until(f, () => other.watcher.seen.length >= 4, 'four frames of another stream');
      demandSame(watcher.seen.length, count, 'frames while none was wanted');
      watcher.wants = true;
      await until(f, () => watcher.seen.length > count, 'a frame after the gap');
      demand((watcher.seen.at(-1)?.sequence ?? 0) > before + 1, 'the sequence counts the frames that were not wanted');
      stream[Symbol.dispose]();
      other.stream[Symbol.dispose]();
    }),
    one('a retained frame keeps its bytes until it is released', async (f) => {
      const { watcher, stream } = start(f);
      watcher.keep = 2;
      await until(f, () => watcher.kept.length === 2, 'two frames');
      const copies = watcher.kept.map((frame) => frame.planes.map((plane) => f.read(plane).slice()));
      await until(f, () => watcher.seen.length >= 6, 'more frames');
      stream[Symbol.dispose]();
      watcher.kept.forEach((frame, i) => {
        frame.planes.forEach((plane, p) => {
          const copy = copies[i]?.[p] as Uint8Array;
          demand(
            f.read(plane).every((b, at) => b === copy[at]),
            `plane ${p} of retained frame ${i} did not change`,
          );
        });
        frame.release();
      });
    }),
    one('two streams run side by side in layouts of their own', async (f) => {
      const formats = f.source.capabilities.formats;
      const a = start(f, formats[0]);
      const b = start(f, formats.at(-1));
      await until(f, () => a.watcher.seen.length >= 2 && b.watcher.seen.length >= 2, 'frames of both streams');
      checkFrames(a.watcher.seen, a.layout);
      checkFrames(b.watcher.seen, b.layout);
      a.stream[Symbol.dispose]();
      const count = b.watcher.seen.length;
      await until(f, () => b.watcher.seen.length > count, 'a frame of the stream that is left');
      b.stream[Symbol.dispose]();
    }),
    one('a control that is set is told to every listener, and read back', async ({ source }) => {
      const plain = source.controls.declared.filter(
        ({ type, grabbed, readOnly, disabled }) =>
          (type === 'integer' || type === 'boolean') && !(grabbed === true || readOnly === true || disabled === true),
      );
      for (const control of plain) {
        const heard: [number, number][] = [];
        const listening = source.controls.onChange((id, value) => heard.push([id, value]));
        const target = source.controls.get(control.id) === control.maximum ? control.minimum : control.maximum;
        demandSame(await source.controls.set(control.id, target), 0, `the answer to a value of ${control.name}`);
        if (control.volatile !== true) demandSame(source.controls.get(control.id), target, `value of ${control.name}`);
        demand(
          heard.some(([id, value]) => id === control.id && value === target),
          `the change of ${control.name} was told`,
        );
        listening[Symbol.dispose]();
        const count = heard.length;
        await source.controls.set(control.id, control.default);
        demandSame(heard.length, count, 'calls of a listener that was disposed of');
      }
    }),
  ];
}

function checkCapabilities(source: FrameSource): void {
  const caps = source.capabilities;
  demand(caps.formats.length > 0, 'a source has a format');
  const { width, height } = caps.defaultSize;
  for (const fourcc of caps.formats) {
    const name = fourccName(fourcc);
    demand(formatInfo(fourcc) !== undefined, `${name} is a known format`);
    const sizes = caps.sizes(fourcc);
    const fits =
      sizes.kind === 'discrete'
        ? sizes.sizes.some((s) => s.width === width && s.height === height)
        : width >= sizes.range.minWidth &&
          width <= sizes.range.maxWidth &&
          height >= sizes.range.minHeight &&
          height <= sizes.range.maxHeight;
    demand(fits, `the default size is one of ${name}`);
    const intervals = caps.intervals(fourcc, width, height);
    const value = caps.defaultInterval.numerator / caps.defaultInterval.denominator;
    if (intervals.kind === 'discrete') {
      const list = intervals.intervals.map((i) => i.numerator / i.denominator);
      demand(list.includes(value), `the default interval is one of ${name}`);
      demand(new Set(list).size === list.length, 'no interval is listed twice');
    } else {
      const { min, max } = intervals;
      demand(
        value >= min.numerator / min.denominator && value <= max.numerator / max.denominator,
        `the default interval is one of ${name}`,
      );
    }
  }
  for (const control of source.controls.declared) {
    const { name, minimum, maximum, step } = control;
    demand(control.default >= minimum && control.default <= maximum, `the default of ${name} is in its range`);
    demand(control.type === 'button' || step >= 1, `the step of ${name} is at least 1`);
    if (control.type === 'menu') demand((control.menu?.length ?? 0) > maximum, `${name} has a name for each item`);
    if (control.type === 'integer-menu')
      demand((control.integerMenu?.length ?? 0) > maximum, `${name} has a value for each item`);
    const now = source.controls.get(control.id);
    demand(control.type === 'button' ? now === 0 : now >= minimum && now <= maximum, `${name} has a value in its range`);
  }
}

function start(
  f: FrameSourceFixture,
  fourcc: number | undefined = f.source.capabilities.formats[0],
): { watcher: FrameWatcher; stream: Disposable; layout: PictureLayout } {
  const { defaultSize, defaultInterval } = f.source.capabilities;
  const layout = fourcc === undefined ? undefined : pictureLayout(fourcc, defaultSize.width, defaultSize.height);
  demand(layout !== undefined, 'the default size has a layout in each format');
  const watcher = new FrameWatcher(f.read);
  const stream = f.source.start({ layout, interval: defaultInterval }, watcher);
  demandSame(watcher.seen.length, 0, 'frames before the start has returned');
  return { watcher, stream, layout };
}

function checkFrames(seen: readonly SeenFrame[], layout: PictureLayout): void {
  const coded = formatInfo(layout.fourcc)?.model === 'coded';
  const sizes = layout.sizes;
  seen.forEach((frame, i) => {
    const before = seen[i - 1];
    demandSame(frame.lengths.length, sizes.length, 'planes of a frame');
    frame.lengths.forEach((length, p) => {
      const size = sizes[p] ?? 0;
      demand(coded ? length > 0 && length <= size : length === size, `plane ${p} has ${length} bytes, the layout ${size}`);
    });
    if (before === undefined) return;
    demand(frame.sequence > before.sequence, 'sequence rises');
    demand(frame.timestamp >= before.timestamp, 'timestamps do not go back');
  });
}

async function until(f: FrameSourceFixture, done: () => boolean, what: string): Promise<void> {
  for (let i = 0; i < STEPS && !done(); i++) await f.step();
  demand(done(), `${what} within ${STEPS} steps`);
}
