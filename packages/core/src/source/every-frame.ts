// SPDX-License-Identifier: Apache-2.0
/**
 * A source whose streams get every frame, in order: what comes while a consumer wants none waits for it. A live source waits for
 * nobody, so few do: `FRAMES_WAITING`, and then each new one takes the place of the oldest, which leaves a gap in `sequence`.
 *
 * Since it is the oldest that goes, all streams of a layout, however many they are and however slow, keep none but the last few frames
 * of that layout between them: a memory of `FRAMES_WAITING` frames, and what is made and copied just now, is enough for all.
 */
import type { Frame, FrameConsumer, FrameSource, FrameStream } from '../ports/index.ts';
import { withStart } from './with-start.ts';

/** Frames that wait for a consumer, at most. */
export const FRAMES_WAITING = 4;

/** The same source; see the top of the file. Frames that wait when a stream ends, or is lost, are given back. */
export function everyFrame(source: FrameSource): FrameSource {
  return withStart(source, (wanted, consumer): FrameStream => {
    const backlog = new FrameBacklog(consumer);
    const stream = source.start(wanted, backlog);
    return {
      ready: () => backlog.handOn(),
      [Symbol.dispose]: () => {
        stream[Symbol.dispose]();
        backlog.end();
      },
    };
  });
}

/** The frames that wait for one consumer. */
class FrameBacklog implements FrameConsumer {
  readonly #consumer: FrameConsumer;
  readonly #frames: Frame[] = [];
  #open = true;

  constructor(consumer: FrameConsumer) {
    this.#consumer = consumer;
  }

  wantsFrame(): boolean {
    return true;
  }

  frame(frame: Frame): void {
    if (this.#frames.length === FRAMES_WAITING) this.#frames.shift()?.release();
    frame.retain();
    this.#frames.push(frame);
    this.handOn();
  }

  lost(reason: string): void {
    this.end();
    this.#consumer.lost(reason);
  }

  /** Gives the consumer what it takes now. */
  handOn(): void {
    // It may end the stream in any of these calls, and ask for more in one of them.
    while (this.#open && this.#frames.length > 0 && this.#consumer.wantsFrame()) {
      const frame = this.#frames.shift();
      if (frame === undefined) break;
      this.#consumer.frame(frame);
      frame.release();
    }
  }

  end(): void {
    this.#open = false;
    for (const frame of this.#frames.splice(0)) frame.release();
  }
}
