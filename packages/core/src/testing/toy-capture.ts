// SPDX-License-Identifier: Apache-2.0
import type { Capture, CaptureSink, ControlPort, SourceModes, WantedFrames } from '../ports/index.ts';
import { SourceBusyError } from '../ports/source-busy-error.ts';
import { NO_CONTROLS } from '../source/no-controls.ts';
import {
  V4L2_COLORSPACE_SRGB,
  V4L2_FIELD_NONE,
  V4L2_PIX_FMT_GREY,
  V4L2_PIX_FMT_MJPEG,
} from '../wire/v4l2/videodev2-constants.gen.ts';

/** The modes of a toy: each format in each of these sizes. */
export function toyModes(formats: readonly number[], ...sizes: readonly (readonly [number, number])[]): SourceModes {
  const list = sizes.map(([width, height]) => ({ width, height }));
  const [defaultSize = { width: 64, height: 48 }] = list;
  return {
    card: 'Toy',
    formats,
    defaultSize,
    defaultInterval: { numerator: 1, denominator: 30 },
    colorimetry: { colorspace: V4L2_COLORSPACE_SRGB, ycbcrEnc: 0, quantization: 0, xferFunc: 0 },
    sizes: () => ({ kind: 'discrete', sizes: list }),
    intervals: () => ({ kind: 'discrete', intervals: [{ numerator: 1, denominator: 30 }] }),
  };
}

/**
 * The shipped simple `Capture`: a camera in the hands of a test. It delivers one layout at a time, compressed or not, pushes what it
 * is told to, goes away, and comes back with other modes. The timestamp of a frame is its sequence number in milliseconds.
 */
export class ToyCapture implements Capture {
  modes: SourceModes;
  absent: string | undefined;
  readonly controls: ControlPort = NO_CONTROLS;
  /** what it delivers now */
  running: { readonly wanted: WantedFrames; readonly sink: CaptureSink } | undefined;
  /** frames that were not released yet */
  out = 0;
  /** starts that there were */
  starts = 0;
  ended = false;
  readonly #watchers = new Set<() => void>();
  #sequence = 0;

  /** @param absent why it is not there from the beginning */
  constructor(modes: SourceModes = toyModes([V4L2_PIX_FMT_MJPEG, V4L2_PIX_FMT_GREY], [64, 48], [128, 96]), absent?: string) {
    this.modes = modes;
    this.absent = absent;
  }

  watch(listener: () => void): Disposable {
    this.#watchers.add(listener);
    return { [Symbol.dispose]: () => void this.#watchers.delete(listener) };
  }

  start(wanted: WantedFrames, sink: CaptureSink): Disposable {
    if (this.running !== undefined) throw new SourceBusyError('the toy delivers one layout at a time');
    const own = { wanted, sink };
    this.running = own;
    this.starts += 1;
    return {
      [Symbol.dispose]: () => {
        if (this.running === own) this.running = undefined;
      },
    };
  }

  /** Captures a frame of these bytes; false if nobody takes it. */
  push(...planes: readonly Uint8Array[]): boolean {
    const sequence = this.#sequence++;
    const sink = this.running?.sink;
    if (sink?.wantsFrame() !== true) return false;
    this.out += 1;
    let released = false;
    sink.frame({
      sequence,
      timestamp: sequence * 1000,
      field: V4L2_FIELD_NONE,
      planes: planes.map((bytes) => ({ kind: 'bytes', bytes })),
      release: () => {
        if (released) throw new RangeError(`frame ${sequence} was released once too often`);
        released = true;
        this.out -= 1;
      },
    });
    return true;
  }

  /** It is pulled out. */
  vanish(reason = 'unplugged'): void {
    this.absent = reason;
    this.#tell();
  }

  /** It is there, again or for the first time. */
  appear(modes: SourceModes = this.modes): void {
    this.absent = undefined;
    this.modes = modes;
    this.#tell();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.ended = true;
  }

  #tell(): void {
    for (const watcher of [...this.#watchers]) watcher();
  }
}
