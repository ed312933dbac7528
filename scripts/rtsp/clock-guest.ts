// SPDX-License-Identifier: Apache-2.0
import { CaptureClient, type ClientFrame, MediaDriver, V4L2_PIX_FMT_YUV420 } from '@paravideo/core';
import { LinuxClock } from '../../packages/host/src/clock/index.ts';
import { connectFrontend } from '../../packages/host/src/frontend/index.ts';
import { pictureAge } from './picture-clock.ts';

/** A picture that came from the server. */
export interface SeenPicture {
  /** microseconds, from when the server drew it to when the guest had it */
  readonly age: number;
  /** microseconds since the frame before, by the frames' own times */
  readonly step: number | undefined;
  /** numbers of frames that are missing before this one */
  readonly missing: number;
}

/** Milliseconds between two tries to stream from a camera that is not there. */
const TRY_EVERY = 200;

/** A guest that looks at the clock in the pictures of its camera, and begins anew where its stream ends. */
export class ClockGuest {
  readonly #client: CaptureClient;
  readonly #close: () => Promise<void>;
  readonly #clock = new LinuxClock();
  #before: ClientFrame | undefined;
  #streaming = false;

  private constructor(client: CaptureClient, close: () => Promise<void>) {
    this.#client = client;
    this.#close = close;
  }

  static async open(socket: string): Promise<ClockGuest> {
    const frontend = await connectFrontend(socket);
    const client = await CaptureClient.open(await MediaDriver.attach(frontend));
    return new ClockGuest(client, () => frontend.close());
  }

  /** The next picture that has a clock in it; whatever comes before is waited out. */
  async next(): Promise<SeenPicture> {
    for (;;) {
      const frame = await this.#frame();
      if (frame === undefined) {
        await new Promise((resolve) => setTimeout(resolve, TRY_EVERY));
        continue;
      }
      const [luma = new Uint8Array()] = frame.planes;
      const { width, colours } = frame.layout;
      const age = pictureAge(luma, colours[0]?.stride ?? width, width, this.#clock.now());
      const { timestamp, sequence } = frame;
      const before = this.#before;
      this.#before = age === undefined ? undefined : frame;
      if (age === undefined) continue;
      const step = before === undefined ? undefined : timestamp - before.timestamp;
      return { age, step, missing: before === undefined ? 0 : sequence - before.sequence - 1 };
    }
  }

  close(): Promise<void> {
    return this.#close();
  }

  /** Undefined: the stream ended, or does not begin. */
  async #frame(): Promise<ClientFrame | undefined> {
    try {
      if (!this.#streaming) {
        await this.#client.configure({ pixelformat: V4L2_PIX_FMT_YUV420 });
        await this.#client.start();
        this.#streaming = true;
      }
      const frame = await this.#client.next();
      return frame.error ? await this.#ended() : frame;
    } catch {
      return this.#ended();
    }
  }

  async #ended(): Promise<undefined> {
    this.#before = undefined;
    this.#streaming = false;
    await this.#client.stop().catch(() => {});
  }
}
