// SPDX-License-Identifier: Apache-2.0
import {
  type Clock,
  type Frame,
  type FrameConsumer,
  type FrameSource,
  NoMemoryError,
  SourceBusyError,
  type WantedFrames,
} from '../ports/index.ts';
import type { CameraSource } from './camera-source.ts';
import { RenumberedFrame } from './renumbered-frame.ts';

/** Microseconds that a stream which begins waits for the first frame of its camera: programs that take one picture want that one. */
export const FIRST_FRAME_WAIT = 2_000_000;
/** Microseconds in which a camera that a running stream goes over to has to bring a frame, or nothing of the old one is shown. */
export const NEXT_FRAME_WAIT = 250_000;
/** Microseconds after which a camera that is there and did not go on is tried again. */
export const TRY_AGAIN = 1_000_000;

/** What a steady stream is made with. */
export interface SteadyStreamOptions {
  readonly wanted: WantedFrames;
  readonly consumer: FrameConsumer;
  /** brings the pictures while there is no signal */
  readonly standIn: FrameSource;
  readonly clock: Clock;
  /** called once, when it is over */
  ended(): void;
}

/** A stream at one source. */
interface Place {
  readonly source: FrameSource;
  running: Disposable | undefined;
  /** what is added to the sequence numbers of this source; known with its first frame */
  offset: number | undefined;
}

/**
 * A stream that goes on whatever becomes of its camera:
 *
 *     camera ── lost, or late ──▶ stand-in ── first frame ──▶ camera
 *        └── first frame of another ──▶ that one
 *
 * It leaves one place with the first frame of the next, counts on, and its time never goes back.
 */
export class SteadyStream implements Disposable {
  readonly #o: SteadyStreamOptions;
  #camera: CameraSource;
  /** whose frames it shows */
  #place: Place | undefined;
  /** where it goes, until that brings a frame */
  #next: Place | undefined;
  #timer: Disposable | undefined;
  /** of the last frame */
  #sequence = -1;
  #timestamp = -1;
  #open = true;

  /** Starts at the camera, and throws what that throws; or at the stand-in, while the camera cannot bring such frames. */
  constructor(camera: CameraSource, o: SteadyStreamOptions) {
    this.#o = o;
    this.#camera = camera;
    if (this.#able) {
      this.#place = this.#begun(camera);
      this.#arm(FIRST_FRAME_WAIT, () => this.#standIn());
    } else this.#place = this.#begun(o.standIn);
  }

  /** Goes over to a camera, or back to it: as soon as that brings a frame. While it is away the stand-in is shown. */
  turn(camera: CameraSource): void {
    const thereSoon = this.#place?.source === camera || this.#next?.source === camera;
    if (!this.#open || (camera === this.#camera && thereSoon)) return;
    this.#camera = camera;
    this.#forgetNext();
    // Back to one that it has not left yet.
    if (this.#place?.source === camera && this.#place.offset !== undefined) return;
    if (this.#place?.source === camera || !this.#able) return this.#standIn();
    try {
      this.#next = this.#begun(camera);
      this.#arm(NEXT_FRAME_WAIT, () => this.#standIn());
    } catch (error) {
      if (!(error instanceof NoMemoryError || error instanceof SourceBusyError)) throw error;
      this.#standIn();
      this.#tryAgain();
    }
  }

  [Symbol.dispose](): void {
    if (!this.#open) return;
    this.#open = false;
    this.#forgetNext();
    this.#leave();
    this.#o.ended();
  }

  /** It is over: for the same reason as `lost` of any stream. */
  end(reason: string): void {
    if (!this.#open) return;
    this[Symbol.dispose]();
    this.#o.consumer.lost(reason);
  }

  get #able(): boolean {
    return this.#camera.presence.kind === 'present' && this.#camera.canBring(this.#o.wanted);
  }

  #begun(source: FrameSource): Place {
    const place: Place = { source, running: undefined, offset: undefined };
    place.running = source.start(this.#o.wanted, {
      wantsFrame: () => this.#o.consumer.wantsFrame(),
      frame: (frame) => this.#take(place, frame),
      lost: (reason) => this.#lost(place, reason),
    });
    return place;
  }

  #leave(): void {
    this.#place?.running?.[Symbol.dispose]();
    this.#place = undefined;
  }

  #forgetNext(): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
    this.#next?.running?.[Symbol.dispose]();
    this.#next = undefined;
  }

  #arm(wait: number, fire: () => void): void {
    const { clock } = this.#o;
    this.#timer?.[Symbol.dispose]();
    this.#timer = clock.at(clock.now() + wait, () => {
      this.#timer = undefined;
      fire();
    });
  }

  #tryAgain(): void {
    this.#arm(TRY_AGAIN, () => this.turn(this.#camera));
  }

  /** Shows the stand-in; a camera that has not brought a frame yet is still waited for. */
  #standIn(): void {
    const { standIn } = this.#o;
    if (this.#place?.source === standIn) return;
    if (this.#place?.source === this.#camera) this.#next = this.#place;
    else this.#leave();
    try {
      this.#place = this.#begun(standIn);
    } catch (error) {
      if (!(error instanceof NoMemoryError || error instanceof SourceBusyError)) throw error;
      this.end(error.message);
    }
  }

  #take(place: Place, frame: Frame): void {
    if (place === this.#next) {
      this.#leave();
      this.#place = place;
      this.#next = undefined;
    }
    if (place !== this.#place) return;
    if (place.source === this.#camera) {
      this.#timer?.[Symbol.dispose]();
      this.#timer = undefined;
    }
    place.offset ??= this.#sequence + 1 - frame.sequence;
    this.#sequence = frame.sequence + place.offset;
    this.#timestamp = Math.max(frame.timestamp, this.#timestamp + 1);
    const same = this.#sequence === frame.sequence && this.#timestamp === frame.timestamp;
    this.#o.consumer.frame(same ? frame : new RenumberedFrame(frame, this.#sequence, this.#timestamp));
  }

  #lost(place: Place, reason: string): void {
    if (!this.#open) return;
    // Nothing stands in for what the stand-in cannot be drawn in.
    if (place.source === this.#o.standIn) return this.end(reason);
    if (place === this.#next) this.#next = undefined;
    if (place === this.#place) this.#place = undefined;
    this.#standIn();
    // A camera that went says so when it comes; one that is there has to be asked.
    if (this.#open && place.source === this.#camera) this.#tryAgain();
  }
}
