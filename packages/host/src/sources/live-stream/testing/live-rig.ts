// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import { type Capture, type CapturedFrame, pictureLayout, V4L2_PIX_FMT_YUV420 } from '@paravideo/core';
import { LinuxClock } from '../../../clock/index.ts';
import type { Log } from '../../../log/index.ts';
import { viewAt } from '../../../sys/index.ts';
import { type LiveOptions, openLiveStream } from '../live-capture.ts';
import type { LiveOrigin } from '../live-origin.ts';
import { type NetworkSettings, networkOrigin } from '../network-origin.ts';

/** A frame as it came. */
export interface Taken {
  readonly sequence: number;
  readonly timestamp: number;
  readonly md5: string;
}

/** A live stream with its log, and what comes of it. */
export class LiveRig implements AsyncDisposable {
  readonly told: string[] = [];
  readonly taken: Taken[] = [];
  readonly #listeners = new Set<() => void>();
  #capture: Capture | undefined;
  #stream: Disposable | undefined;

  async open(from: NetworkSettings | LiveOrigin, o: Omit<LiveOptions, 'log' | 'clock'> = {}): Promise<Capture> {
    this.#capture = await openLiveStream('told' in from ? from : networkOrigin(from), {
      log: this.#log,
      clock: new LinuxClock(),
      ...o,
    });
    this.#capture.watch(() => this.#tell());
    return this.#capture;
  }

  get capture(): Capture {
    if (this.#capture === undefined) throw new TypeError('the stream is not open');
    return this.#capture;
  }

  get streaming(): boolean {
    return this.#stream !== undefined;
  }

  /** Streams in the size of the stream. */
  stream(): void {
    const { width, height } = this.capture.modes.defaultSize;
    const layout = pictureLayout(V4L2_PIX_FMT_YUV420, width, height);
    if (layout === undefined) throw new TypeError(`no layout of ${width}x${height}`);
    this.#stream = this.capture.start(
      { layout, interval: this.capture.modes.defaultInterval },
      { wantsFrame: () => true, frame: (frame) => this.#take(frame), ended: () => {} },
    );
  }

  stopStreaming(): void {
    this.#stream?.[Symbol.dispose]();
    this.#stream = undefined;
  }

  /** Resolves when it is so. */
  until(so: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (!so()) return;
        this.#listeners.delete(look);
        resolve();
      };
      this.#listeners.add(look);
      look();
    });
  }

  untilPresent(): Promise<void> {
    return this.until(() => this.capture.absent === undefined);
  }

  untilFrames(count: number): Promise<void> {
    return this.until(() => this.taken.length >= count);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stopStreaming();
    await this.#capture?.[Symbol.asyncDispose]();
  }

  get #log(): Log {
    const tell = (fields: object, message: string): void => {
      this.told.push(`${message} ${JSON.stringify(fields)}`);
      this.#tell();
    };
    return { debug: tell, info: tell, warn: tell, error: tell };
  }

  #tell(): void {
    for (const listener of [...this.#listeners]) listener();
  }

  #take(frame: CapturedFrame): void {
    const hash = createHash('md5');
    for (const plane of frame.planes) if (plane.kind === 'address') hash.update(viewAt(plane.address, plane.length));
    this.taken.push({ sequence: frame.sequence, timestamp: frame.timestamp, md5: hash.digest('hex') });
    frame.release();
    this.#tell();
  }
}
