// SPDX-License-Identifier: Apache-2.0
import { type Fraction, formatInfo, type PictureLayout } from '../picture/index.ts';
import {
  type Capture,
  type CapturedFrame,
  type CaptureSink,
  type Conversion,
  DEFAULT_QUALITY,
  type Frame,
  type FrameConsumer,
  type WantedFrames,
} from '../ports/index.ts';
import { SharedFrame } from './shared-frame.ts';

/** One use of a source. */
export interface SharedStream {
  readonly consumer: FrameConsumer;
  /** whose frames it gets now */
  rendition?: Rendition;
}

/** Frames of one layout and interval, and the streams that share them. */
export abstract class Rendition {
  readonly wanted: WantedFrames;
  readonly streams = new Set<SharedStream>();
  readonly #over: (rendition: Rendition, reason: string) => void;
  /** number of the last frame that was delivered */
  #last: number | undefined;
  /** what is added to the numbers of captured frames; of a follower known with its first */
  #shift: number | undefined = 0;
  #before = -1;

  /** @param over called when its frames have ended by themselves */
  constructor(wanted: WantedFrames, over: (rendition: Rendition, reason: string) => void) {
    this.wanted = wanted;
    this.#over = over;
  }

  /** No frame is delivered any more. */
  abstract stop(): void;

  /** Whether a frame was delivered yet. */
  get begun(): boolean {
    return this.#last !== undefined;
  }

  /** Takes over streams that another rendition has had, and counts its frames on from there. */
  follow(other: Rendition, streams: Iterable<SharedStream>): void {
    this.#before = other.#last ?? other.#before;
    this.#shift = undefined;
    for (const stream of streams) {
      other.streams.delete(stream);
      this.streams.add(stream);
      stream.rendition = this;
    }
  }

  protected anyWants(): boolean {
    for (const { consumer } of this.streams) if (consumer.wantsFrame()) return true;
    return false;
  }

  protected deliver(captured: CapturedFrame): void {
    this.#shift ??= this.#before + 1 - captured.sequence;
    this.#last = captured.sequence + this.#shift;
    const frame = new SharedFrame(captured, this.#last);
    // Each is asked again: while this frame was captured, its buffer may have gone to the frame before or been taken back. A stream
    // that ends in one of these calls is not visited any more.
    for (const { consumer } of this.streams) if (consumer.wantsFrame()) consumer.frame(frame);
    frame.release();
  }

  protected end(reason: string): void {
    this.#over(this, reason);
  }
}

/** The camera's own frames: one start of the capture. */
export class CapturedRendition extends Rendition implements CaptureSink {
  readonly #running: Disposable;

  /** Starts the capture, and throws what that throws. */
  constructor(capture: Capture, wanted: WantedFrames, over: (rendition: Rendition, reason: string) => void) {
    super(wanted, over);
    this.#running = capture.start(wanted, this);
  }

  wantsFrame(): boolean {
    return this.anyWants();
  }

  frame(captured: CapturedFrame): void {
    this.deliver(captured);
  }

  ended(reason: string): void {
    this.end(reason);
  }

  /** Ends the start: the capture calls nothing after this. */
  stop(): void {
    this.#running[Symbol.dispose]();
  }
}

/** Frames that are being converted at a time; one whose time comes meanwhile is lost. */
const IN_FLIGHT = 2;

/** Frames that are made of those of another rendition. */
export class ConvertedRendition extends Rendition implements FrameConsumer {
  readonly #conversion: Conversion;
  #from: Disposable | undefined;
  #converting = 0;
  #open = true;

  /** @param conversion it owns it */
  constructor(conversion: Conversion, wanted: WantedFrames, over: (rendition: Rendition, reason: string) => void) {
    super(wanted, over);
    this.#conversion = conversion;
  }

  /** The stream that brings the frames to convert; it owns it. */
  set from(stream: Disposable) {
    this.#from = stream;
  }

  wantsFrame(): boolean {
    return this.#converting < IN_FLIGHT && this.anyWants();
  }

  frame(frame: Frame): void {
    frame.retain();
    this.#converting += 1;
    void this.#conversion.convert(frame).then((made) => {
      frame.release();
      this.#converting -= 1;
      if (this.#open && made !== undefined) this.deliver(made);
      else made?.release();
      if (!this.#open && this.#converting === 0) this.#conversion.close();
    });
  }

  lost(reason: string): void {
    this.end(reason);
  }

  stop(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#from?.[Symbol.dispose]();
    if (this.#converting === 0) this.#conversion.close();
  }
}

/** A key that is the same for streams that can share frames. Raw frames are the same in every quality. */
export function renditionKey({ layout, interval, quality = DEFAULT_QUALITY }: WantedFrames): string {
  const coded = formatInfo(layout.fourcc)?.model === 'coded';
  return `${intervalKey(interval)} ${layoutKey(layout)}${coded ? ` ${quality}` : ''}`;
}

/** The same text for the same interval. */
export function intervalKey({ numerator, denominator }: Fraction): string {
  let [a, b] = [numerator, denominator];
  while (b !== 0) [a, b] = [b, a % b];
  return `${numerator / a}/${denominator / a}`;
}

function layoutKey({ fourcc, width, height, colours, sizes }: PictureLayout): string {
  const places = colours.map(({ buffer, offset, stride }) => `${buffer}:${offset}:${stride}`);
  return `${fourcc} ${width} ${height} ${places.join(' ')} ${sizes.join(' ')}`;
}
