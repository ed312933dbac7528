// SPDX-License-Identifier: Apache-2.0
/** A camera of raw frames in the hands of a test, which is its origin. */
import { Socket } from 'node:net';
import { type Clock, type Frame, type FrameConsumer, SharedSource } from '@paravideo/core';
import { LinuxClock } from '../../../clock/index.ts';
import type { Log } from '../../../log/index.ts';
import { pipe, viewAt } from '../../../sys/index.ts';
import { FramesReader } from '../frames-reader.ts';
import type { OriginHost } from '../origin.ts';
import type { Producer, ProducerEnd } from '../producer.ts';
import { RawCapture } from '../raw-capture.ts';
import { expectedPicture, type RawSettings } from '../raw-settings.ts';
import { pipeInput, type StreamInput } from '../stream-input.ts';
import { Y4mReader } from '../y4m-reader.ts';

/** A producer that a test is. */
export interface TestProducer {
  readonly producer: Producer;
  readonly ended: Promise<ProducerEnd>;
  /** what it writes to; undefined if it was given an input */
  readonly to: Socket | undefined;
}

/** Takes copies of frames while it wants some. */
export class CopyingConsumer implements FrameConsumer {
  readonly frames: { readonly sequence: number; readonly timestamp: number; readonly bytes: Buffer }[] = [];
  readonly lostFor: string[] = [];
  wants = Number.POSITIVE_INFINITY;
  /** frames that are kept, and are the test's to release */
  readonly kept: Frame[] = [];
  keep = false;
  #came: (() => void)[] = [];

  wantsFrame(): boolean {
    return this.wants > 0;
  }

  frame(frame: Frame): void {
    this.wants -= 1;
    const [plane] = frame.planes;
    const bytes = plane?.kind === 'address' ? Buffer.from(viewAt(plane.address, plane.length)) : Buffer.alloc(0);
    this.frames.push({ sequence: frame.sequence, timestamp: frame.timestamp, bytes });
    if (this.keep) {
      frame.retain();
      this.kept.push(frame);
    }
    this.#tell();
  }

  lost(reason: string): void {
    this.lostFor.push(reason);
    this.#tell();
  }

  /** Resolves when there have been so many frames. */
  async until(count: number): Promise<void> {
    while (this.frames.length < count) await this.changed();
  }

  /** Resolves at the next frame, or the end. */
  changed(): Promise<void> {
    return new Promise((resolve) => this.#came.push(resolve));
  }

  #tell(): void {
    for (const tell of this.#came.splice(0)) tell();
  }
}

/** See the top of the file. */
export class RawRig implements AsyncDisposable {
  readonly capture: RawCapture;
  readonly source: SharedSource;
  readonly told: string[] = [];
  readonly clock: Clock;
  streaming = false;
  #host: OriginHost | undefined;
  #current: TestProducer | undefined;

  constructor(settings: RawSettings = {}, clock: Clock = new LinuxClock()) {
    this.clock = clock;
    const expected = expectedPicture(settings);
    const tell = (fields: object, message: string): void => void this.told.push(`${message} ${JSON.stringify(fields)}`);
    const log: Log = { debug: tell, info: tell, warn: tell, error: tell };
    this.capture = new RawCapture({
      card: 'Rig',
      expected,
      reader: () => (settings.format === 'frames' ? new FramesReader(expected.interval) : new Y4mReader(expected.interval)),
      lossless: settings.lossless ?? false,
      clock,
      log,
      absent: 'nobody yet',
      origin: (host) => {
        this.#host = host;
        return {
          streaming: (on) => {
            this.streaming = on;
          },
          [Symbol.asyncDispose]: async () => this.#current?.producer[Symbol.dispose](),
        };
      },
    });
    this.source = new SharedSource(this.capture);
  }

  /** A producer comes; whoever came before has to be gone. */
  produce(input?: StreamInput): TestProducer {
    const { promise, resolve } = Promise.withResolvers<ProducerEnd>();
    let to: Socket | undefined;
    let from = input;
    if (from === undefined) {
      const [reading, writing] = pipe();
      to = new Socket({ fd: writing.take(), readable: false }).on('error', () => {});
      from = pipeInput(reading);
    }
    const producer = this.#host?.serve(from, (end) => {
      this.#host?.absent(end.reason);
      resolve(end);
    });
    if (producer === undefined) throw new TypeError('the rig has no origin');
    this.#current = { producer, ended: promise, to };
    return this.#current;
  }

  /** Resolves when the camera is there, or is not. */
  async untilPresent(there = true): Promise<void> {
    while ((this.source.presence.kind === 'present') !== there) {
      const { promise, resolve } = Promise.withResolvers<void>();
      using _watching = this.source.watch(() => resolve());
      await promise;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#current?.to?.destroy();
    await this.source[Symbol.asyncDispose]();
  }
}
