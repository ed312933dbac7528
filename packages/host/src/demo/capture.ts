// SPDX-License-Identifier: Apache-2.0
/** A camera application: what runs in a guest, against the guest driver. */
import {
  type BufferState,
  type DriverSession,
  type Format,
  type Mapping,
  type MediaDriver,
  timestampMicros,
  V4L2_BUF_FLAG_ERROR,
  V4L2_BUF_TYPE_VIDEO_CAPTURE,
  V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE,
  V4L2_CAP_VIDEO_CAPTURE,
} from '@paravideo/core';
import { DemoError } from './demo-error.ts';
import { type GuestPicture, type I420Picture, toI420 } from './picture.ts';

/** What is asked of a camera. */
export interface CaptureRequest {
  readonly width: number;
  readonly height: number;
  /** V4L2 pixel format: NV12 or YU12, or one of their multi-planar twins */
  readonly pixelformat: number;
  /** frames per second */
  readonly rate: number;
}

/** One captured frame. Times in microseconds of CLOCK_MONOTONIC. */
export interface CapturedFrame {
  readonly sequence: number;
  /** when the device says it was captured */
  readonly timestamp: number;
  /** when the guest got it */
  readonly arrival: number;
  readonly error: boolean;
  /** The picture, copied out of the buffer; only inside the callback that gets the frame. */
  picture(): I420Picture;
}

const BUFFERS = 4;

/** A streaming camera: MMAP buffers, all mapped, each queued again as soon as its frame was looked at. */
export class Capture implements AsyncDisposable {
  readonly format: Format;
  /** frames per second that the device agreed to */
  readonly rate: number;
  readonly #session: DriverSession;
  readonly #type: number;
  readonly #mappings: readonly (readonly Mapping[])[];

  private constructor(
    session: DriverSession,
    type: number,
    format: Format,
    rate: number,
    mappings: readonly (readonly Mapping[])[],
  ) {
    this.#session = session;
    this.#type = type;
    this.format = format;
    this.rate = rate;
    this.#mappings = mappings;
  }

  /** Opens the camera, agrees on a format and starts the stream. */
  static async start(driver: MediaDriver, request: CaptureRequest): Promise<Capture> {
    const single = (driver.config.deviceCaps & V4L2_CAP_VIDEO_CAPTURE) !== 0;
    const type = single ? V4L2_BUF_TYPE_VIDEO_CAPTURE : V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE;
    const session = await driver.open();
    try {
      const { width, height, pixelformat } = request;
      const format = await session.sFmt({ type, width, height, pixelformat });
      if (format.pixelformat !== pixelformat) throw new DemoError(`the camera has no pixel format 0x${pixelformat.toString(16)}`);
      const { timeperframe } = await session.sParm(type, { numerator: 1000, denominator: Math.round(request.rate * 1000) });
      const { count } = await session.reqbufs(type, BUFFERS);
      const mappings: Mapping[][] = [];
      for (let index = 0; index < count; index++) {
        const { planes } = await session.querybuf(type, index);
        mappings.push(await Promise.all(planes.map((plane) => session.mmap(plane.memOffset, 'read'))));
      }
      const capture = new Capture(session, type, format, timeperframe.denominator / timeperframe.numerator, mappings);
      await Promise.all(mappings.map((_, index) => capture.#queue(index)));
      await session.streamon(type);
      return capture;
    } catch (error) {
      await session.close();
      throw error;
    }
  }

  /** Shows the next `count` frames to `look`, in order. */
  async run(count: number, look: (frame: CapturedFrame, index: number) => void): Promise<void> {
    for (let i = 0; i < count; i++) {
      const buffer = await this.#session.dqbuf(this.#type);
      const arrival = Number(process.hrtime.bigint() / 1000n);
      look(this.#frame(buffer, arrival), i);
      await this.#queue(buffer.index);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#session.streamoff(this.#type);
    await Promise.all(this.#mappings.flat().map((mapping) => this.#session.munmap(mapping)));
    await this.#session.reqbufs(this.#type, 0);
    await this.#session.close();
  }

  async #queue(index: number): Promise<void> {
    await this.#session.qbuf({ index, type: this.#type, planes: (this.#mappings[index] ?? []).map(() => ({})) });
  }

  #frame(buffer: BufferState, arrival: number): CapturedFrame {
    const planes = (this.#mappings[buffer.index] ?? []).map((mapping) => mapping.bytes);
    const { width, height, pixelformat, planes: layouts } = this.format;
    const picture: GuestPicture = {
      layout: { fourcc: pixelformat, width, height, planes: layouts },
      visible: { left: 0, top: 0, width, height },
      planes,
    };
    return {
      sequence: buffer.sequence,
      timestamp: timestampMicros(buffer.timestamp),
      arrival,
      error: (buffer.flags & V4L2_BUF_FLAG_ERROR) !== 0,
      picture: () => toI420(picture),
    };
  }
}
