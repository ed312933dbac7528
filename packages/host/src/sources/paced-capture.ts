// SPDX-License-Identifier: Apache-2.0
/**
 * The capture of every source that makes frames to a clock. Starts of one interval share a cadence, which is a pacer and a count of
 * frames; each has a pool and one picture per frame. What is special to a source, the pixels, is a `FrameRenderer`.
 *
 * The clock of a cadence starts when the pictures of its first start come at their pace (`warmUp`), not when somebody asks for
 * them: else the first frames would come late and in a burst, stamped with a time at which nothing was captured.
 *
 *     capture ── cadence 1/30 s ── NV12 1920x1080
 *            │                  └─ RGB3 1920x1080
 *            └─ cadence 1/15 s ── NV12 1920x1080
 */
import {
  type Capture,
  type CaptureSink,
  type Clock,
  type ControlPort,
  type Fraction,
  type PictureLayout,
  type SourceModes,
  V4L2_FIELD_NONE,
  type WantedFrames,
} from '@paravideo/core';
import { DEFAULT_SLOTS, type FrameMoment, FramePool, type FrameSlot } from './frame-pool.ts';
import { Pacer, type PacerTick } from './pacer.ts';
import { warmUp } from './warm-up.ts';

/** Makes the pictures of one layout. At most `PacedCapture`'s `inFlight` renders are under way at a time; they resolve in order. */
export interface PictureRendition {
  /**
   * Writes the picture of a moment into the slot, somewhere else than on the event loop. Resolves to false if no picture
   * came of it; nothing is written after it resolves. Never rejects.
   */
  render(slot: FrameSlot, moment: FrameMoment): Promise<boolean>;
  /** No more pictures of this layout: nothing is written to the pool any more once it resolves. No `render` is running. */
  close(): void | Promise<void>;
}

/** Makes the pictures of a source. */
export interface FrameRenderer {
  /** A layout came into use, with the pool whose slots its pictures will go to. Throws if it cannot make such pictures. */
  open(pool: FramePool, interval: Fraction): PictureRendition;
  /** The end of the source. All renditions are closed. */
  close(): void | Promise<void>;
}

/** How a paced capture fared, for logs and tests. */
export interface PacedCaptureStats {
  /** frames rendered and handed on */
  readonly delivered: number;
  /** frames not made because those before were still being made */
  readonly late: number;
  /** frames not made because every slot of the pool was out */
  readonly noSlot: number;
  /** frames that the renderer gave up */
  readonly failed: number;
}

/** One start. */
class PacedRun {
  readonly sink: CaptureSink;
  readonly pool: FramePool;
  readonly rendition: PictureRendition;
  /** warming --> open --close--> closing (pictures in the making) --last of them--> closed; close from warming, too */
  state: 'warming' | 'open' | 'closing' | 'closed' = 'warming';
  /** pictures in the making */
  rendering = 0;
  #closed = Promise.withResolvers<void>();

  constructor(sink: CaptureSink, pool: FramePool, rendition: PictureRendition) {
    this.sink = sink;
    this.pool = pool;
    this.rendition = rendition;
  }

  /** Nobody uses these frames any more. Resolves when nothing is written to the pool any more. */
  close(): Promise<void> {
    if (this.state === 'warming' || this.state === 'open') {
      this.state = 'closing';
      if (this.rendering === 0) this.#finish();
    }
    return this.#closed.promise;
  }

  /** A picture is made, or given up. */
  rendered(): void {
    this.rendering--;
    if (this.state === 'closing' && this.rendering === 0) this.#finish();
  }

  #finish(): void {
    this.state = 'closed';
    void Promise.resolve(this.rendition.close()).then(() => {
      this.pool.close();
      this.#closed.resolve();
    });
  }
}

/** The starts of one interval. */
interface Cadence {
  /** absent until the first of the runs is open */
  pacer: Pacer | undefined;
  readonly runs: Set<PacedRun>;
}

/** See the top of the file. */
export class PacedCapture implements Capture {
  readonly modes: SourceModes;
  /** what it shows is made here */
  readonly absent = undefined;
  readonly controls: ControlPort;
  readonly separate: (() => Capture) | undefined;
  readonly #clock: Clock;
  readonly #renderer: FrameRenderer;
  readonly #name: string;
  readonly #slots: number;
  readonly #inFlight: number;
  readonly #trials: number;
  /** by seconds per frame */
  readonly #cadences = new Map<number, Cadence>();
  readonly #closing = new Set<Promise<void>>();
  #stats = { delivered: 0, late: 0, noSlot: 0, failed: 0 };
  #ended: Promise<void> | undefined;

  /**
   * @param o.name names the frame memory, for whoever looks at the process from outside
   * @param o.inFlight most pictures of a layout that are rendered at the same time, 1 by default; a frame whose time comes while
   * that many are under way is lost
   * @param o.trials pictures of a layout that are rendered and thrown away before its clock starts, 1 by default, more if they
   * take long; with 0 the clock starts at once
   * @param o.separate makes a capture of the same pictures with controls of its own
   */
  constructor(o: {
    modes: SourceModes;
    controls: ControlPort;
    clock: Clock;
    renderer: FrameRenderer;
    name: string;
    slots?: number;
    inFlight?: number;
    trials?: number;
    separate?: () => Capture;
  }) {
    this.modes = o.modes;
    this.controls = o.controls;
    this.separate = o.separate;
    this.#clock = o.clock;
    this.#renderer = o.renderer;
    this.#name = o.name;
    this.#slots = o.slots ?? DEFAULT_SLOTS;
    this.#inFlight = o.inFlight ?? 1;
    this.#trials = o.trials ?? 1;
  }

  get stats(): PacedCaptureStats {
    return { ...this.#stats };
  }

  /** Neither its modes nor its presence changes. */
  watch(): Disposable {
    return { [Symbol.dispose]: () => {} };
  }

  /** Throws if there is no memory for the frames, or the renderer cannot make such pictures. */
  start({ layout, interval }: WantedFrames, sink: CaptureSink): Disposable {
    const run = this.#open(layout, interval, sink);
    const key = interval.numerator / interval.denominator;
    const cadence: Cadence = this.#cadences.get(key) ?? { pacer: undefined, runs: new Set() };
    this.#cadences.set(key, cadence);
    cadence.runs.add(run);
    const begin = (): void => {
      // Meanwhile it may have been ended.
      if (run.state !== 'warming') return;
      run.state = 'open';
      cadence.pacer ??= new Pacer(this.#clock, interval, (tick) => this.#tick(cadence, tick));
    };
    if (this.#trials === 0) begin();
    else void this.#warmUp(run, interval).then(begin);
    return {
      [Symbol.dispose]: () => {
        if (!cadence.runs.delete(run)) return;
        this.#close(run);
        if (cadence.runs.size > 0) return;
        cadence.pacer?.[Symbol.dispose]();
        this.#cadences.delete(key);
      },
    };
  }

  /** Ends the renderer; frames that are not released yet stay valid. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#ended ??= (async () => {
      for (const { pacer, runs } of this.#cadences.values()) {
        pacer?.[Symbol.dispose]();
        for (const run of runs) this.#close(run);
        runs.clear();
      }
      this.#cadences.clear();
      await Promise.all(this.#closing);
      await this.#renderer.close();
    })();
    return this.#ended;
  }

  #warmUp(run: PacedRun, interval: Fraction): Promise<void> {
    return warmUp(this.#clock, interval, this.#trials, async () => {
      const slot = run.state === 'warming' ? run.pool.take() : undefined;
      if (slot === undefined) return false;
      run.rendering++;
      const made = await run.rendition.render(slot, { sequence: 0, timestamp: this.#clock.now(), trial: true });
      slot.abandon();
      run.rendered();
      return made;
    });
  }

  #open(layout: PictureLayout, interval: Fraction, sink: CaptureSink): PacedRun {
    const pool = FramePool.create(`${this.#name}-frames`, layout, this.#slots);
    try {
      return new PacedRun(sink, pool, this.#renderer.open(pool, interval));
    } catch (error) {
      pool.close();
      throw error;
    }
  }

  #close(run: PacedRun): void {
    const closed = run.close().then(() => void this.#closing.delete(closed));
    this.#closing.add(closed);
  }

  #tick({ runs }: Cadence, tick: PacerTick): void {
    for (const run of runs) this.#capture(run, { sequence: tick.index, timestamp: tick.time });
  }

  #capture(run: PacedRun, moment: FrameMoment): void {
    if (run.state !== 'open' || !run.sink.wantsFrame()) return;
    if (run.rendering >= this.#inFlight) {
      this.#stats.late++;
      return;
    }
    const slot = run.pool.take();
    if (slot === undefined) {
      this.#stats.noSlot++;
      return;
    }
    run.rendering++;
    void run.rendition.render(slot, moment).then((made) => {
      if (made && run.state === 'open') {
        this.#stats.delivered++;
        run.sink.frame(slot.publish(moment, V4L2_FIELD_NONE));
      } else {
        if (!made) this.#stats.failed++;
        slot.abandon();
      }
      run.rendered();
    });
  }
}
