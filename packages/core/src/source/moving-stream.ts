// SPDX-License-Identifier: Apache-2.0
import {
  type Frame,
  type FrameConsumer,
  type FrameSource,
  NoMemoryError,
  SourceBusyError,
  type WantedFrames,
} from '../ports/index.ts';
import { RenumberedFrame } from './renumbered-frame.ts';

/** A stream at one source. */
interface Place {
  readonly source: FrameSource;
  running: Disposable | undefined;
  /** what is added to the sequence numbers of this source; known with its first frame */
  offset: number | undefined;
}

/**
 * A stream that can go over to another source. The old one is left with the first frame of the new one, so that no frame is missed
 * that there need not be, and frames are counted on.
 */
export class MovingStream implements Disposable {
  readonly #wanted: WantedFrames;
  readonly #consumer: FrameConsumer;
  readonly #ended: () => void;
  #place: Place;
  /** where it goes, until that brings a frame */
  #next: Place | undefined;
  /** number of the last frame */
  #last = -1;
  #open = true;

  /**
   * Starts at `source`, and throws what that throws.
   * @param ended called once, when it is over
   */
  constructor(source: FrameSource, wanted: WantedFrames, consumer: FrameConsumer, ended: () => void) {
    this.#wanted = wanted;
    this.#consumer = consumer;
    this.#ended = ended;
    this.#place = { source, running: undefined, offset: 0 };
    this.#begin(this.#place);
  }

  /** Goes over to `source`, if it is not there already. A source that cannot bring such frames leaves it where it is. */
  move(source: FrameSource): void {
    if (!this.#open || this.#next?.source === source || this.#place.source === source) return;
    this.#leave(this.#next);
    const next: Place = { source, running: undefined, offset: undefined };
    this.#next = next;
    try {
      this.#begin(next);
    } catch (error) {
      this.#next = undefined;
      if (!(error instanceof NoMemoryError || error instanceof SourceBusyError)) throw error;
    }
  }

  [Symbol.dispose](): void {
    if (!this.#open) return;
    this.#open = false;
    this.#leave(this.#place);
    this.#leave(this.#next);
    this.#ended();
  }

  #begin(place: Place): void {
    place.running = place.source.start(this.#wanted, {
      wantsFrame: () => this.#consumer.wantsFrame(),
      frame: (frame) => this.#take(place, frame),
      lost: (reason) => this.#lost(place, reason),
    });
  }

  #leave(place: Place | undefined): void {
    place?.running?.[Symbol.dispose]();
  }

  #take(place: Place, frame: Frame): void {
    if (place === this.#next) {
      this.#leave(this.#place);
      this.#place = place;
      this.#next = undefined;
    }
    place.offset ??= this.#last + 1 - frame.sequence;
    this.#last = frame.sequence + place.offset;
    this.#consumer.frame(place.offset === 0 ? frame : new RenumberedFrame(frame, this.#last));
  }

  #lost(place: Place, reason: string): void {
    if (place === this.#next) {
      this.#next = undefined;
      return;
    }
    this[Symbol.dispose]();
    this.#consumer.lost(reason);
  }
}
