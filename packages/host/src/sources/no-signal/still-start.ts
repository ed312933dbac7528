// SPDX-License-Identifier: Apache-2.0
import type { CapturedFrame, CaptureSink, Clock, Fraction } from '@paravideo/core';
import { Pacer, type PacerTick } from '../pacer.ts';

/**
 * A start of a capture that shows one picture. It is made once; each frame is the same memory again, so that one costs what is copied of
 * it and nothing else.
 *
 *     making --made--> shown --disposed of--> ended, and the picture is given back with the last frame;   making --not made--> making
 */
export class StillStart implements Disposable {
  readonly #make: () => Promise<CapturedFrame | undefined>;
  readonly #sink: CaptureSink;
  readonly #pacer: Pacer;
  #picture: CapturedFrame | undefined;
  #making = false;
  #open = true;
  /** frames that are not released yet */
  #out = 0;

  /** @param make undefined: it cannot be made just now. It may reject, for want of memory. */
  constructor(make: () => Promise<CapturedFrame | undefined>, interval: Fraction, clock: Clock, sink: CaptureSink) {
    this.#make = make;
    this.#sink = sink;
    this.#pacer = new Pacer(clock, interval, (tick) => this.#tick(tick));
    void this.#draw();
  }

  [Symbol.dispose](): void {
    if (!this.#open) return;
    this.#open = false;
    this.#pacer[Symbol.dispose]();
    this.#letGo();
  }

  async #draw(): Promise<void> {
    if (this.#making || this.#picture !== undefined) return;
    this.#making = true;
    try {
      this.#picture = await this.#make();
    } catch {
      // It is tried again with the next frame.
    }
    this.#making = false;
    if (!this.#open) this.#letGo();
  }

  #tick({ index, time }: PacerTick): void {
    const picture = this.#picture;
    if (picture === undefined) return void this.#draw();
    if (!this.#sink.wantsFrame()) return;
    this.#out += 1;
    const release = (): void => {
      this.#out -= 1;
      this.#letGo();
    };
    this.#sink.frame({ ...picture, sequence: index, timestamp: time, release });
  }

  #letGo(): void {
    if (this.#open || this.#out > 0) return;
    this.#picture?.release();
    this.#picture = undefined;
  }
}
