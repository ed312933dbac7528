// SPDX-License-Identifier: Apache-2.0
import type { FrameRoom, FrameSink, PlayedMoment, PlayedPicture, SinkModes, SinkStream } from '../ports/frame-sink.ts';
import { SourceBusyError } from '../ports/source-busy-error.ts';
import {
  V4L2_PIX_FMT_GREY,
  V4L2_PIX_FMT_NV12,
  V4L2_PIX_FMT_NV12M,
  V4L2_PIX_FMT_YUYV,
} from '../wire/v4l2/videodev2-constants.gen.ts';

/** A frame that a toy sink was given. */
export interface SunkFrame extends PlayedMoment {
  readonly planes: readonly Uint8Array[];
}

const MODES: SinkModes = {
  card: 'Toy sink',
  formats: [V4L2_PIX_FMT_NV12, V4L2_PIX_FMT_YUYV, V4L2_PIX_FMT_GREY, V4L2_PIX_FMT_NV12M],
  defaultSize: { width: 64, height: 48 },
  defaultInterval: { numerator: 1, denominator: 30 },
  sizes: () => ({
    kind: 'stepwise',
    range: { minWidth: 16, maxWidth: 1024, stepWidth: 2, minHeight: 16, maxHeight: 1024, stepHeight: 2 },
  }),
  intervals: () => ({
    kind: 'continuous',
    min: { numerator: 1, denominator: 120 },
    max: { numerator: 1, denominator: 1 },
  }),
};

/** The shipped simple `FrameSink`: keeps the last frames in this heap, as many as it has room for. */
export class ToySink implements FrameSink {
  readonly modes: SinkModes = MODES;
  readonly frames: SunkFrame[] = [];
  /** rooms that were neither shown nor abandoned */
  out = 0;
  /** rooms that were given back without a frame */
  abandoned = 0;
  /** false: it takes no frame */
  wants = true;
  /** what is played now */
  playing: PlayedPicture | undefined;
  /** starts that there were */
  starts = 0;
  readonly #kept: number;

  /** @param kept frames that it keeps */
  constructor(kept = 100) {
    this.#kept = kept;
  }

  start(picture: PlayedPicture): SinkStream {
    if (this.playing !== undefined) throw new SourceBusyError('somebody plays already');
    this.playing = picture;
    this.starts += 1;
    return {
      room: () => (this.wants ? this.#room(picture) : undefined),
      [Symbol.dispose]: () => {
        if (this.playing === picture) this.playing = undefined;
      },
    };
  }

  #room({ layout }: PlayedPicture): FrameRoom {
    const planes = layout.sizes.map((size) => new Uint8Array(size));
    this.out += 1;
    let open = true;
    const close = (): void => {
      if (!open) throw new RangeError('a room was used twice');
      open = false;
      this.out -= 1;
    };
    return {
      planes: planes.map((bytes) => ({ kind: 'bytes', bytes })),
      show: (moment) => {
        close();
        this.frames.push({ ...moment, planes });
        if (this.frames.length > this.#kept) this.frames.shift();
      },
      abandon: () => {
        close();
        this.abandoned += 1;
      },
    };
  }
}
