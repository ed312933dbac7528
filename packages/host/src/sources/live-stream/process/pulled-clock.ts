// SPDX-License-Identifier: Apache-2.0
import type { FrameTime } from './stream-clock.ts';

/** Microseconds that the stream's times may step for a film to go on as it is; a longer step is a cut in it. */
const STEP_AHEAD = 10_000_000;
const STEP_BACK = 1_000_000;

/**
 * The times of a film that is fetched as it is needed, a playlist of HLS or a file of a web server: it keeps our clock, whatever that
 * of its server may be. Where nothing could be fetched in time the film is late from then on. Microseconds.
 */
export class PulledClock {
  readonly #lead: number;
  #offset = 0;
  #media: number | undefined;
  #last = Number.NEGATIVE_INFINITY;

  /** @param lead how long after the first frame has come it is shown */
  constructor(lead: number) {
    this.#lead = lead;
  }

  /** The time of a frame of the film's time `media`, which is there at `now`; none is too late to be shown. */
  frame(media: number, now: number): FrameTime {
    const step = this.#media === undefined ? undefined : media - this.#media;
    this.#media = media;
    const cut = step !== undefined && (step > STEP_AHEAD || step < -STEP_BACK);
    // What is shown before a cut is shown to its end: no frame has to be thrown away.
    if (cut) this.#offset = Math.max(now + this.#lead, this.#last + 1) - media;
    else if (step === undefined || media + this.#offset < now) this.#offset = now + this.#lead - media;
    this.#last = Math.max(Math.round(media + this.#offset), this.#last + 1);
    return { time: this.#last, late: false, anew: false };
  }
}
