// SPDX-License-Identifier: Apache-2.0
import {
  type CapturedFrame,
  type CaptureSink,
  type Clock,
  type Fraction,
  type PictureLayout,
  V4L2_FIELD_NONE,
} from '@paravideo/core';
import { FramePool } from './frame-pool.ts';
import type { PictureRendition } from './paced-capture.ts';
import { Pacer, type PacerTick } from './pacer.ts';

/** Makes one picture in memory of its own, which goes with the frame. Undefined: it cannot be made just now. */
export async function stillFrame(
  name: string,
  layout: PictureLayout,
  clock: Clock,
  open: (pool: FramePool) => PictureRendition,
): Promise<CapturedFrame | undefined> {
  const pool = FramePool.create(name, layout, 1);
  try {
    const moment = { sequence: 0, timestamp: clock.now(), trial: true };
    const rendition = open(pool);
    const slot = pool.take();
    const made = slot !== undefined && (await rendition.render(slot, moment));
    await rendition.close();
    if (made) return slot.publish(moment, V4L2_FIELD_NONE);
    slot?.abandon();
    return undefined;
  } finally {
    pool.close();
  }
}

/** Microseconds after which a picture that could not be made is tried again. */
const TRY_AGAIN = 1_000_000;

/** A picture that is shown, and its frames that are not released yet. */
interface ShownStill {
  readonly frame: CapturedFrame;
  out: number;
}

/**
 * A start of a capture that shows one picture for long. It is made once; each frame is the same memory again, so that one costs what is
 * copied of it and nothing else. A picture is given back when another is there, or the start has ended, with the last of its frames.
 *
 *     making --made--> shown --renew--> shown, making --made--> shown;   making --not made--> making, after a second
 */
export class StillStart implements Disposable {
  readonly #clock: Clock;
  readonly #make: () => Promise<CapturedFrame | undefined>;
  readonly #sink: CaptureSink;
  readonly #pacer: Pacer;
  #shown: ShownStill | undefined;
  #making = false;
  /** the picture that is shown, or made, is not that of now */
  #stale = true;
  /** no picture is begun before */
  #notBefore = 0;
  #open = true;

  /** @param make undefined: it cannot be made just now. It may reject, for want of memory. */
  constructor(make: () => Promise<CapturedFrame | undefined>, interval: Fraction, clock: Clock, sink: CaptureSink) {
    this.#clock = clock;
    this.#make = make;
    this.#sink = sink;
    this.#pacer = new Pacer(clock, interval, (tick) => this.#tick(tick));
    void this.#draw();
  }

  /** There is another picture: it is shown as soon as it is made. */
  renew(): void {
    this.#stale = true;
    this.#notBefore = 0;
    void this.#draw();
  }

  [Symbol.dispose](): void {
    if (!this.#open) return;
    this.#open = false;
    this.#pacer[Symbol.dispose]();
    this.#replace(undefined);
  }

  async #draw(): Promise<void> {
    if (this.#making || !this.#open || !this.#stale || this.#clock.now() < this.#notBefore) return;
    this.#making = true;
    this.#stale = false;
    let frame: CapturedFrame | undefined;
    try {
      frame = await this.#make();
    } catch {
      // As if it could not be made.
    }
    this.#making = false;
    if (frame === undefined) {
      this.#notBefore = this.#stale ? 0 : this.#clock.now() + TRY_AGAIN;
      this.#stale = true;
    } else if (this.#open) this.#replace(frame);
    else frame.release();
  }

  #tick({ index, time }: PacerTick): void {
    void this.#draw();
    const shown = this.#shown;
    if (shown === undefined || !this.#sink.wantsFrame()) return;
    shown.out += 1;
    const release = (): void => {
      shown.out -= 1;
      if (shown !== this.#shown && shown.out === 0) shown.frame.release();
    };
    this.#sink.frame({ ...shown.frame, sequence: index, timestamp: time, release });
  }

  #replace(frame: CapturedFrame | undefined): void {
    const before = this.#shown;
    this.#shown = frame === undefined ? undefined : { frame, out: 0 };
    if (before?.out === 0) before.frame.release();
  }
}
