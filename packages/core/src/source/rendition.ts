// SPDX-License-Identifier: Apache-2.0
import type { Fraction, PictureLayout } from '../picture/index.ts';
import type { Capture, CapturedFrame, CaptureSink, FrameConsumer, WantedFrames } from '../ports/index.ts';
import { SharedFrame } from './shared-frame.ts';

/** One use of a source. */
export interface SharedStream {
  readonly consumer: FrameConsumer;
}

/** Frames of one layout and interval: one start of the capture, and the streams that share what it brings. */
export class Rendition implements CaptureSink {
  readonly wanted: WantedFrames;
  readonly streams = new Set<SharedStream>();
  readonly #over: (rendition: Rendition, reason: string) => void;
  readonly #running: Disposable;

  /**
   * Starts the capture, and throws what that throws.
   * @param over called when the capture has ended the start by itself
   */
  constructor(capture: Capture, wanted: WantedFrames, over: (rendition: Rendition, reason: string) => void) {
    this.wanted = wanted;
    this.#over = over;
    this.#running = capture.start(wanted, this);
  }

  wantsFrame(): boolean {
    for (const { consumer } of this.streams) if (consumer.wantsFrame()) return true;
    return false;
  }

  frame(captured: CapturedFrame): void {
    const frame = new SharedFrame(captured);
    // Each is asked again: while this frame was captured, its buffer may have gone to the frame before or been taken back. A stream
    // that ends in one of these calls is not visited any more.
    for (const { consumer } of this.streams) if (consumer.wantsFrame()) consumer.frame(frame);
    frame.release();
  }

  ended(reason: string): void {
    this.#over(this, reason);
  }

  /** Ends the start: the capture calls nothing after this. */
  stop(): void {
    this.#running[Symbol.dispose]();
  }
}

/** A key that is the same for streams that can share frames. */
export function renditionKey({ layout, interval }: WantedFrames): string {
  return `${intervalKey(interval)} ${layoutKey(layout)}`;
}

function intervalKey({ numerator, denominator }: Fraction): string {
  let [a, b] = [numerator, denominator];
  while (b !== 0) [a, b] = [b, a % b];
  return `${numerator / a}/${denominator / a}`;
}

function layoutKey({ fourcc, width, height, colours, sizes }: PictureLayout): string {
  const places = colours.map(({ buffer, offset, stride }) => `${buffer}:${offset}:${stride}`);
  return `${fourcc} ${width} ${height} ${places.join(' ')} ${sizes.join(' ')}`;
}
