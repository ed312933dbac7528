// SPDX-License-Identifier: Apache-2.0
/** The pictures that say that a camera has no signal. They are drawn in one thread for all cameras, which starts with the first. */
import {
  type Capture,
  type CapturedFrame,
  type Clock,
  type Converter,
  DEFAULT_QUALITY,
  type Fraction,
  JPEG_COLOURS,
  NO_CONTROLS,
  type PictureLayout,
  type PictureSize,
  pictureLayout,
  SourceError,
  type SourceModes,
  V4L2_PIX_FMT_MJPEG,
  V4L2_PIX_FMT_NV12,
  type WantedFrames,
} from '@paravideo/core';
import type { Log } from '../../log/index.ts';
import { drawable } from '../pattern/font.ts';
import { PATTERN_FORMATS, patternModes } from '../pattern/pattern-capabilities.ts';
import { PatternThread } from '../pattern/pattern-thread.ts';
import type { PatternSettings } from '../pattern/renderer.ts';
import { StillStart, stillFrame } from '../still-start.ts';

/** Pixels of a side. */
const SMALLEST = 16;
const LARGEST = 8192;

/** What a camera is that was never seen. */
const SIZE: PictureSize = { width: 1280, height: 720 };
const INTERVAL: Fraction = { numerator: 1, denominator: 30 };

/** Nothing that a control could change. */
const PLAIN: PatternSettings = {
  pattern: 0,
  brightness: 128,
  contrast: 128,
  saturation: 128,
  hue: 0,
  hflip: false,
  vflip: false,
};

/** What the pictures are made with. */
export interface NoSignalOptions {
  readonly log: Log;
  readonly clock: Clock;
  /** makes what the thread does not draw; it is not owned */
  readonly converter: Converter | undefined;
}

/** See the top of the file. */
export class NoSignal implements AsyncDisposable {
  readonly #o: NoSignalOptions;
  #thread: PatternThread | undefined;

  constructor(o: NoSignalOptions) {
    this.#o = o;
  }

  /** What a camera of this name offers as long as nobody knows better: every size, and every format that can be made. */
  modes(card: string, size: PictureSize = SIZE, interval: Fraction = INTERVAL): SourceModes {
    const pattern = patternModes(card, 'rec601');
    const made = this.#o.converter?.makes ?? [];
    return {
      ...pattern,
      formats: [...PATTERN_FORMATS, ...made.filter((fourcc) => !PATTERN_FORMATS.includes(fourcc))],
      defaultSize: size,
      defaultInterval: interval,
      otherColours: new Map([[V4L2_PIX_FMT_MJPEG, JPEG_COLOURS]]),
      sizes: () => ({
        kind: 'stepwise',
        range: {
          minWidth: SMALLEST,
          maxWidth: LARGEST,
          stepWidth: 1,
          minHeight: SMALLEST,
          maxHeight: LARGEST,
          stepHeight: 1,
        },
      }),
    };
  }

  /** A camera that shows that picture, with its name in it. It is disposed of before this. */
  capture(card: string): Capture {
    const modes = this.modes(card);
    const lines = ['NO SIGNAL', drawable(card)];
    return {
      modes,
      absent: undefined,
      controls: NO_CONTROLS,
      watch: () => ({ [Symbol.dispose]: () => {} }),
      start: (wanted, sink) => {
        const painted = this.#painted(wanted.layout);
        return new StillStart(() => this.#picture(painted, wanted, modes, lines), wanted.interval, this.#o.clock, sink);
      },
      [Symbol.asyncDispose]: async () => {},
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#thread?.close();
  }

  /** What is drawn for a layout: that itself, or what it is converted from. Throws `SourceError` where it cannot be made. */
  #painted(layout: PictureLayout): PictureLayout {
    const { fourcc, width, height } = layout;
    const drawn = PATTERN_FORMATS.includes(fourcc);
    if (drawn && width % 2 === 0 && height % 2 === 0) return layout;
    const even = pictureLayout(V4L2_PIX_FMT_NV12, width + (width % 2), height + (height % 2));
    if (even === undefined || this.#o.converter?.makes.includes(fourcc) !== true) {
      throw new SourceError('nothing here makes a picture in this format that says that there is no signal');
    }
    return even;
  }

  async #picture(
    painted: PictureLayout,
    { layout, quality = DEFAULT_QUALITY }: WantedFrames,
    { colorimetry }: SourceModes,
    lines: readonly string[],
  ): Promise<CapturedFrame | undefined> {
    const drawn = await this.#drawn(painted, lines);
    if (drawn === undefined || painted === layout) return drawn;
    const conversion = this.#o.converter?.open(painted, layout, colorimetry, quality);
    try {
      return await conversion?.convert({ ...drawn, retain: () => {}, release: () => {} });
    } finally {
      conversion?.close();
      drawn.release();
    }
  }

  #drawn(layout: PictureLayout, lines: readonly string[]): Promise<CapturedFrame | undefined> {
    const { clock, log } = this.#o;
    this.#thread ??= new PatternThread({ matrix: 'rec601', clock, timeOfDay: () => 0, log });
    const thread = this.#thread;
    return stillFrame('paravideo-no-signal', layout, clock, (pool) => thread.open(pool, () => PLAIN, { kind: 'sign', lines }));
  }
}
