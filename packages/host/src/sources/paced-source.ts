// SPDX-License-Identifier: Apache-2.0
/**
 * What every source that makes frames to a clock has in common. Streams are gathered twice: those of one interval share a
 * cadence (a pacer and a count of frames), and within it those of one layout share a rendition (a pool and one picture per
 * frame). What is special to a source, the pixels, is a `FrameRenderer`.
 *
 * The clock of a cadence starts when the pictures of its first rendition come at their pace (`warmUp`), not when somebody asks
 * for them: else the first frames would come late and in a burst, stamped with a time at which nothing was captured.
 *
 *     source ── cadence 1/30 s ── rendition NV12 1920x1080 ── stream, stream
 *            │                 └─ rendition RGB3 1920x1080 ── stream
 *            └─ cadence 1/15 s ── rendition NV12 1920x1080 ── stream
 */
import {
  type Clock,
  type Fraction,
  type FrameConsumer,
  type FrameSource,
  type PictureLayout,
  type SourceCapabilities,
  type SourceStream,
  V4L2_FIELD_NONE,
} from '@paravideo/core';
import { DEFAULT_SLOTS, type FrameMoment, FramePool, type FrameSlot } from './frame-pool.ts';
import { Pacer, type PacerTick } from './pacer.ts';
import type { SourceControls } from './source-controls.ts';
import { SourceError } from './source-error.ts';
import { warmUp } from './warm-up.ts';

/** Makes the pictures of one layout. At most `PacedSource`'s `inFlight` renders are under way at a time; they resolve in order. */
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

/** How a paced source fared, for logs and tests. */
export interface PacedSourceStats {
  /** frames rendered and handed to at least one running stream */
  readonly delivered: number;
  /** frames not made because those before were still being made */
  readonly late: number;
  /** frames not made because every slot of the pool was out */
  readonly noSlot: number;
  /** frames that the renderer gave up */
  readonly failed: number;
}

type StreamRun = { readonly consumer: FrameConsumer; ended: boolean };

class LayoutGroup {
  readonly runs = new Set<StreamRun>();
  readonly pool: FramePool;
  readonly rendition: PictureRendition;
  /** warming --> open --close--> closing (pictures in the making) --last of them--> closed; close from warming, too */
  state: 'warming' | 'open' | 'closing' | 'closed' = 'warming';
  /** pictures in the making */
  rendering = 0;
  #closed = Promise.withResolvers<void>();

  constructor(pool: FramePool, rendition: PictureRendition) {
    this.pool = pool;
    this.rendition = rendition;
  }

  /** Nobody uses this layout any more. Resolves when nothing is written to its pool any more. */
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

interface IntervalGroups {
  /** absent until the first of the groups is open */
  pacer: Pacer | undefined;
  readonly groups: Map<string, LayoutGroup>;
}

type StreamState =
  | { readonly kind: 'idle' }
  | { readonly kind: 'running'; readonly run: StreamRun; readonly interval: string; readonly layout: string }
  | { readonly kind: 'closed' };

function intervalKey({ numerator, denominator }: Fraction): string {
  let [a, b] = [numerator, denominator];
  while (b !== 0) [a, b] = [b, a % b];
  return `${numerator / a}/${denominator / a}`;
}

function layoutKey({ fourcc, width, height, colours, sizes }: PictureLayout): string {
  const places = colours.map(({ buffer, offset, stride }) => `${buffer}:${offset}:${stride}`);
  return `${fourcc} ${width} ${height} ${places.join(' ')} ${sizes.join(' ')}`;
}

/** A `FrameSource` whose frames are made to a clock. */
export class PacedSource implements FrameSource, AsyncDisposable {
  readonly capabilities: SourceCapabilities;
  readonly #controls: SourceControls;
  readonly #clock: Clock;
  readonly #renderer: FrameRenderer;
  readonly #name: string;
  readonly #slots: number;
  readonly #inFlight: number;
  readonly #trials: number;
  readonly #cadences = new Map<string, IntervalGroups>();
  readonly #streams = new Map<SourceStream, FrameConsumer>();
  readonly #closing = new Set<Promise<void>>();
  #stats = { delivered: 0, late: 0, noSlot: 0, failed: 0 };
  #state: { readonly kind: 'open' } | { readonly kind: 'lost'; readonly reason: string } = { kind: 'open' };
  #ended: Promise<void> | undefined;

  /**
   * @param o.name names the frame memory, for whoever looks at the process from outside
   * @param o.inFlight most pictures of a layout that are rendered at the same time, 1 by default; a frame whose time comes while
   * that many are under way is lost
   * @param o.trials pictures of a layout that are rendered and thrown away before its clock starts, 1 by default, more if they
   * take long; with 0 the clock starts at once
   */
  constructor(o: {
    capabilities: Omit<SourceCapabilities, 'controls'>;
    controls: SourceControls;
    clock: Clock;
    renderer: FrameRenderer;
    name: string;
    slots?: number;
    inFlight?: number;
    trials?: number;
  }) {
    this.capabilities = { ...o.capabilities, controls: o.controls.declared };
    this.#controls = o.controls;
    this.#clock = o.clock;
    this.#renderer = o.renderer;
    this.#name = o.name;
    this.#slots = o.slots ?? DEFAULT_SLOTS;
    this.#inFlight = o.inFlight ?? 1;
    this.#trials = o.trials ?? 1;
  }

  get stats(): PacedSourceStats {
    return { ...this.#stats };
  }

  control(id: number): number {
    return this.#controls.get(id);
  }

  setControl(id: number, value: number): number {
    this.#controls.set(id, value);
    return 0;
  }

  onControlChange(listener: (id: number, value: number) => void): Disposable {
    return this.#controls.onChange(listener);
  }

  open(consumer: FrameConsumer): SourceStream {
    let state: StreamState = { kind: 'idle' };
    let wanted: { layout: PictureLayout; interval: Fraction } | undefined;
    const stop = (): void => {
      if (state.kind !== 'running') return;
      this.#leave(state.run, state.interval, state.layout);
      state = { kind: 'idle' };
    };
    const stream: SourceStream = {
      configure: (layout, interval) => {
        if (state.kind !== 'idle') throw new SourceError(`a ${state.kind} stream cannot be configured: stop it first`);
        if (!(interval.numerator > 0 && interval.denominator > 0)) {
          throw new SourceError(`an interval of ${interval.numerator}/${interval.denominator} s: it must be above 0`);
        }
        wanted = { layout, interval };
      },
      start: () => {
        if (state.kind !== 'idle') throw new SourceError(`a ${state.kind} stream cannot be started`);
        if (wanted === undefined) throw new SourceError('a stream was started before it was configured');
        const { layout, interval } = wanted;
        const run: StreamRun = { consumer, ended: this.#state.kind === 'lost' };
        state = { kind: 'running', run, interval: intervalKey(interval), layout: layoutKey(layout) };
        if (!run.ended) this.#join(run, layout, interval);
      },
      stop,
      close: () => {
        stop();
        state = { kind: 'closed' };
        this.#streams.delete(stream);
      },
    };
    this.#streams.set(stream, consumer);
    if (this.#state.kind === 'lost') {
      const { reason } = this.#state;
      queueMicrotask(() => {
        if (this.#streams.has(stream)) consumer.lost(reason);
      });
    }
    return stream;
  }

  /** The source is gone: every stream is told, no frame follows. */
  lose(reason: string): void {
    if (this.#state.kind === 'lost') return;
    this.#state = { kind: 'lost', reason };
    for (const cadence of this.#cadences.values()) {
      cadence.pacer?.[Symbol.dispose]();
      for (const group of cadence.groups.values()) this.#close(group);
    }
    this.#cadences.clear();
    for (const consumer of [...this.#streams.values()]) consumer.lost(reason);
  }

  /** Ends the source and its renderer; frames that are still retained stay valid. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#ended ??= (async () => {
      this.lose('the source was closed');
      await Promise.all(this.#closing);
      await this.#renderer.close();
    })();
    return this.#ended;
  }

  #join(run: StreamRun, layout: PictureLayout, interval: Fraction): void {
    const [byInterval, byLayout] = [intervalKey(interval), layoutKey(layout)];
    const present = this.#cadences.get(byInterval)?.groups.get(byLayout);
    if (present !== undefined) {
      present.runs.add(run);
      return;
    }
    let group: LayoutGroup;
    try {
      group = this.#open(layout, interval);
    } catch (error) {
      // There is no memory, or the renderer cannot do this layout: this stream is told in a later turn that its source is lost.
      run.ended = true;
      const reason = error instanceof Error ? error.message : String(error);
      queueMicrotask(() => run.consumer.lost(`no frames of this layout can be made: ${reason}`));
      return;
    }
    group.runs.add(run);
    const cadence: IntervalGroups = this.#cadences.get(byInterval) ?? { pacer: undefined, groups: new Map() };
    this.#cadences.set(byInterval, cadence);
    cadence.groups.set(byLayout, group);
    const begin = (): void => {
      // Meanwhile the last stream has left the group, or the source was lost.
      if (group.state !== 'warming') return;
      group.state = 'open';
      cadence.pacer ??= new Pacer(this.#clock, interval, (tick) => this.#tick(cadence.groups, tick));
    };
    if (this.#trials === 0) begin();
    else void this.#warmUp(group, interval).then(begin);
  }

  #warmUp(group: LayoutGroup, interval: Fraction): Promise<void> {
    return warmUp(this.#clock, interval, this.#trials, async () => {
      const slot = group.state === 'warming' ? group.pool.take() : undefined;
      if (slot === undefined) return false;
      group.rendering++;
      const made = await group.rendition.render(slot, { sequence: 0, timestamp: this.#clock.now(), trial: true });
      slot.abandon();
      group.rendered();
      return made;
    });
  }

  #open(layout: PictureLayout, interval: Fraction): LayoutGroup {
    const pool = FramePool.create(`${this.#name}-frames`, layout, this.#slots);
    try {
      return new LayoutGroup(pool, this.#renderer.open(pool, interval));
    } catch (error) {
      pool.close();
      throw error;
    }
  }

  #leave(run: StreamRun, byInterval: string, byLayout: string): void {
    if (run.ended) return;
    run.ended = true;
    const cadence = this.#cadences.get(byInterval);
    const group = cadence?.groups.get(byLayout);
    if (cadence === undefined || group === undefined) return;
    group.runs.delete(run);
    if (group.runs.size > 0) return;
    this.#close(group);
    cadence.groups.delete(byLayout);
    if (cadence.groups.size > 0) return;
    cadence.pacer?.[Symbol.dispose]();
    this.#cadences.delete(byInterval);
  }

  #close(group: LayoutGroup): void {
    for (const run of group.runs) run.ended = true;
    group.runs.clear();
    const closed = group.close().then(() => void this.#closing.delete(closed));
    this.#closing.add(closed);
  }

  #tick(groups: ReadonlyMap<string, LayoutGroup>, tick: PacerTick): void {
    for (const group of [...groups.values()]) this.#capture(group, { sequence: tick.index, timestamp: tick.time });
  }

  #capture(group: LayoutGroup, moment: FrameMoment): void {
    const runs = [...group.runs].filter((run) => run.consumer.wantsFrame());
    if (runs.length === 0 || group.state !== 'open') return;
    if (group.rendering >= this.#inFlight) {
      this.#stats.late++;
      return;
    }
    const slot = group.pool.take();
    if (slot === undefined) {
      this.#stats.noSlot++;
      return;
    }
    group.rendering++;
    void group.rendition.render(slot, moment).then((made) => {
      if (made && runs.some((run) => !run.ended)) {
        const frame = slot.publish(moment, V4L2_FIELD_NONE);
        this.#stats.delivered++;
        // Ask again: while this frame was rendered, its buffer may have gone to the frame before or been taken back.
        for (const run of runs) if (!run.ended && run.consumer.wantsFrame()) run.consumer.frame(frame);
        frame.release();
      } else {
        if (!made) this.#stats.failed++;
        slot.abandon();
      }
      group.rendered();
    });
  }
}
