// SPDX-License-Identifier: Apache-2.0
import type { PictureLayout, SourceIntervals, SourceSizes } from '../picture/index.ts';
import type { Clock } from '../ports/clock.ts';
import type { SourceControl } from '../ports/control-port.ts';
import type {
  FrameConsumer,
  FrameSource,
  SourceChange,
  SourceModes,
  SourcePresence,
  WantedFrames,
} from '../ports/frame-source.ts';
import { SourceControls } from '../source/source-controls.ts';
import {
  V4L2_CID_BRIGHTNESS,
  V4L2_CID_HFLIP,
  V4L2_CID_TEST_PATTERN,
  V4L2_COLORSPACE_SRGB,
  V4L2_FIELD_NONE,
  V4L2_PIX_FMT_GREY,
  V4L2_PIX_FMT_NV12,
  V4L2_PIX_FMT_NV12M,
  V4L2_PIX_FMT_YUYV,
} from '../wire/v4l2/videodev2-constants.gen.ts';

const CONTROLS: readonly SourceControl[] = [
  { id: V4L2_CID_BRIGHTNESS, type: 'integer', name: 'Brightness', minimum: 0, maximum: 255, step: 1, default: 128 },
  { id: V4L2_CID_HFLIP, type: 'boolean', name: 'Horizontal Flip', minimum: 0, maximum: 1, step: 1, default: 0 },
  {
    id: V4L2_CID_TEST_PATTERN,
    type: 'menu',
    name: 'Test Pattern',
    minimum: 0,
    maximum: 2,
    step: 1,
    default: 0,
    menu: ['Solid', '', 'Counting'],
  },
];

interface SolidStream {
  readonly consumer: FrameConsumer;
  readonly layout: PictureLayout;
}

/** Options of a `SolidSource`. */
export interface SolidSourceOptions {
  /** stamps the frames; without one the timestamp is the sequence number in milliseconds */
  readonly clock?: Clock;
  /** V4L2 pixel formats offered, preferred one first; default NV12, YUYV, GREY, NV12M */
  readonly formats?: readonly number[];
  readonly card?: string;
}

/**
 * The shipped simple `FrameSource`: each frame is one value in every byte, with the sequence number in the first four
 * bytes of plane 0 (little-endian). Frames come only when `tick` is called.
 */
export class SolidSource implements FrameSource {
  readonly capabilities: SourceModes;
  readonly controls = new SourceControls(CONTROLS);
  readonly #clock: Clock | undefined;
  readonly #streams = new Set<SolidStream>();
  readonly #watchers = new Set<(change: SourceChange) => void>();
  #presence: SourcePresence = { kind: 'present' };
  #sequence = 0;

  constructor(o: SolidSourceOptions = {}) {
    this.#clock = o.clock;
    this.capabilities = {
      card: o.card ?? 'Solid',
      formats: o.formats ?? [V4L2_PIX_FMT_NV12, V4L2_PIX_FMT_YUYV, V4L2_PIX_FMT_GREY, V4L2_PIX_FMT_NV12M],
      defaultSize: { width: 64, height: 48 },
      defaultInterval: { numerator: 1, denominator: 30 },
      colorimetry: { colorspace: V4L2_COLORSPACE_SRGB, ycbcrEnc: 0, quantization: 0, xferFunc: 0 },
      sizes: solidSizes,
      intervals: solidIntervals,
    };
  }

  /** streams that run now */
  get running(): number {
    return this.#streams.size;
  }

  get presence(): SourcePresence {
    return this.#presence;
  }

  watch(listener: (change: SourceChange) => void): Disposable {
    this.#watchers.add(listener);
    return { [Symbol.dispose]: () => void this.#watchers.delete(listener) };
  }

  start({ layout }: WantedFrames, consumer: FrameConsumer): Disposable {
    const stream: SolidStream = { consumer, layout };
    this.#streams.add(stream);
    return { [Symbol.dispose]: () => void this.#streams.delete(stream) };
  }

  /** Captures one frame: every running stream that wants it gets it. Returns its sequence number. */
  tick(): number {
    const sequence = this.#sequence++;
    const timestamp = this.#clock?.now() ?? sequence * 1000;
    for (const stream of [...this.#streams]) {
      if (!this.#streams.has(stream) || !stream.consumer.wantsFrame()) continue;
      const planes = solidPlanes(stream.layout, sequence, this.controls.get(V4L2_CID_BRIGHTNESS));
      let references = 1;
      stream.consumer.frame({
        sequence,
        timestamp,
        field: V4L2_FIELD_NONE,
        planes: planes.map((bytes) => ({ kind: 'bytes', bytes })),
        retain: () => {
          references += 1;
        },
        release: () => {
          references -= 1;
          if (references < 0) throw new RangeError(`frame ${sequence} was released once too often`);
        },
      });
    }
    return sequence;
  }

  /** The camera is unplugged: every stream is told, and none gets another frame. */
  unplug(reason = 'unplugged'): void {
    this.#presence = { kind: 'lost', reason };
    for (const stream of [...this.#streams]) {
      if (this.#streams.delete(stream)) stream.consumer.lost(reason);
    }
    for (const watcher of [...this.#watchers]) watcher('went');
  }

  /** It is there again. */
  plug(): void {
    this.#presence = { kind: 'present' };
    for (const watcher of [...this.#watchers]) watcher('came');
  }
}

/** The bytes that `SolidSource` makes for frame `sequence` in a layout. */
export function solidPlanes(layout: PictureLayout, sequence: number, brightness = 128): Uint8Array[] {
  return layout.sizes.map((size, i) => {
    const bytes = new Uint8Array(size).fill((sequence + brightness + i) & 0xff);
    if (i === 0 && bytes.length >= 4) new DataView(bytes.buffer).setUint32(0, sequence, true);
    return bytes;
  });
}

function solidSizes(): SourceSizes {
  return {
    kind: 'discrete',
    sizes: [
      { width: 64, height: 48 },
      { width: 128, height: 96 },
    ],
  };
}

function solidIntervals(): SourceIntervals {
  return {
    kind: 'discrete',
    intervals: [
      { numerator: 1, denominator: 60 },
      { numerator: 1, denominator: 30 },
    ],
  };
}
