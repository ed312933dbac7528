// SPDX-License-Identifier: Apache-2.0

/** How a stream's times are followed. All are microseconds unless they say otherwise. */
export interface StreamClockSettings {
  /** how long after its quickest way here a frame is shown; what the network delays by less is not seen */
  readonly lead: number;
  /** how long after its time a frame may still be shown */
  readonly patience: number;
}

/** When one frame is to be shown. */
export interface FrameTime {
  /** microseconds of our clock; of a frame that is not late, and not the first anew, later than the one's before */
  readonly time: number;
  /** whether it came so late that it is not to be shown */
  readonly late: boolean;
  /** whether the stream's times were lost here, and are followed anew from this frame on: what still waits for its time is to be thrown away */
  readonly anew: boolean;
}

/** How far ahead of our clock a stream's times may get before they have nothing to do with it any more. */
const JUMP = 10_000_000;
/** How far back a stream's times may step for the order of its frames alone. */
const STEP_BACK = 1_000_000;
/** For how long every frame has to be late for the stream to have been delayed for good. */
const DELAYED_FOR = 2_000_000;
/** At first the quickest way is not known: as long as this it is believed at once. */
const SETTLING = 1_000_000;
/** The quickest way is that of the last so many slots of time, whose length is SLOT. */
const SLOTS = 8;
const SLOT = 1_000_000;
/** What of the difference is made up for in a second, and the most, in parts of one. */
const GAIN = 0.2;
const MAX_SLEW = 0.002;

/**
 * The times of a live stream on our monotonic clock. Both ends count time with crystals of their own, and the network adds a
 * delay that is never below that of the quickest way. So the difference of the quickest frames is followed, slowly enough
 * that nobody sees it: nothing drifts away over days, and what was held up does not come out in a burst.
 */
export class StreamClock {
  readonly #settings: StreamClockSettings;
  #began = 0;
  #arrived = 0;
  #media: number | undefined;
  /** our time less the stream's, for the quickest way */
  #offset = 0;
  /** the least differences of the last slots of time, the present one at the end */
  #slots: number[] = [];
  #slotEnd = 0;
  /** since when every frame has been late, and the least difference since */
  #lateSince: number | undefined;
  #lateLeast = 0;
  #last = Number.NEGATIVE_INFINITY;

  constructor(settings: StreamClockSettings) {
    this.#settings = settings;
  }

  /** The time of a frame of the stream's time `media`, which came at `arrival` of our clock. */
  frame(media: number, arrival: number): FrameTime {
    const before = this.#media;
    const first = before === undefined;
    const difference = arrival - media;
    const jumped = !first && this.#jumped(media - before, difference, arrival - this.#arrived);
    const anew = jumped || (!first && this.#delayedForGood(difference, arrival));
    if (first || jumped) this.#anchor(difference, arrival);
    else if (anew) this.#anchor(this.#lateLeast, arrival);
    else this.#follow(difference, arrival, arrival - this.#arrived);
    this.#arrived = arrival;
    this.#media = media;
    // Frames whose time had not come are given up with the old times.
    if (anew) this.#last = Math.min(this.#last, arrival);
    const wanted = Math.round(media + this.#offset + this.#settings.lead);
    if (arrival - wanted > this.#settings.patience) return { time: wanted, late: true, anew };
    this.#last = Math.max(wanted, this.#last + 1);
    return { time: this.#last, late: false, anew };
  }

  /** Whether the stream's times have nothing to do any more with what they were. `passed` is our clock's step, `moved` theirs. */
  #jumped(moved: number, difference: number, passed: number): boolean {
    // Small steps ahead that never end would have us keep frames for ever: so the sum of them counts too.
    return moved < -STEP_BACK || moved - passed > JUMP || this.#offset - difference > JUMP;
  }

  /** Whether the frames have all been late for so long that waiting for the old delay is in vain. */
  #delayedForGood(difference: number, arrival: number): boolean {
    if (difference - this.#offset <= this.#settings.lead + this.#settings.patience) {
      this.#lateSince = undefined;
      return false;
    }
    this.#lateLeast = this.#lateSince === undefined ? difference : Math.min(this.#lateLeast, difference);
    this.#lateSince ??= arrival;
    return arrival - this.#lateSince >= DELAYED_FOR;
  }

  #anchor(difference: number, arrival: number): void {
    this.#offset = difference;
    this.#began = arrival;
    this.#slots = [difference];
    this.#slotEnd = arrival + SLOT;
    this.#lateSince = undefined;
  }

  #follow(difference: number, arrival: number, passed: number): void {
    if (arrival >= this.#slotEnd) {
      this.#slots.push(difference);
      if (this.#slots.length > SLOTS) this.#slots.shift();
      this.#slotEnd = arrival + SLOT;
    } else {
      const present = this.#slots.length - 1;
      this.#slots[present] = Math.min(this.#slots[present] ?? difference, difference);
    }
    const apart = Math.min(...this.#slots) - this.#offset;
    if (arrival - this.#began < SETTLING) this.#offset += Math.min(0, apart);
    else {
      const most = MAX_SLEW * passed;
      this.#offset += Math.max(-most, Math.min(most, apart * Math.min(1, (GAIN * passed) / 1e6)));
    }
  }
}
