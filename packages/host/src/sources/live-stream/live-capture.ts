// SPDX-License-Identifier: Apache-2.0
/**
 * A live stream as a camera.
 *
 *     looking --opened--> live --nobody streams for a while--> idle --somebody streams--> looking
 *       ^  `--cannot be had--> waiting <--cut--'                 (the camera is there in live and idle, and in looking after idle)
 *       `------pause is over------'
 */
import {
  type Capture,
  type CaptureSink,
  type Clock,
  type Fit,
  NO_CONTROLS,
  type PictureSize,
  SourceBusyError,
  SourceError,
  type SourceModes,
  V4L2_FIELD_NONE,
  type WantedFrames,
} from '@paravideo/core';
import { Backoff } from '../../isolation/child/index.ts';
import type { Log } from '../../log/index.ts';
import { landlockVersion } from '../../sys/index.ts';
import { DEFAULT_SLOTS, FramePool, type FrameSlot } from '../frame-pool.ts';
import { LiveConnection } from './live-connection.ts';
import { expectedModes, type LiveInfo, liveModes } from './live-modes.ts';
import type { LiveOrigin } from './live-origin.ts';

/** Milliseconds for which a stream that nobody watches stays connected: a guest often stops to begin anew at once. */
const LINGER = 5000;
/** Milliseconds of the first pause between two tries, of the longest, and of a stream's life after which the next end is a first one. */
const PAUSES = { first: 500, longest: 10_000, forgetAfter: 1000 };
/** Milliseconds that the start of the daemon waits to hear what the stream is like. */
const KNOWN_WITHIN = 3000;
/** Microseconds by which the time of a picture may differ from now. */
const MAX_CLOCK_DISTANCE = 10_000_000;

/** What a live stream is shown with. */
export interface LiveOptions {
  readonly log: Log;
  readonly clock: Clock;
  /** the name that guests see; that of its origin */
  readonly card?: string | undefined;
  readonly fit?: Fit | undefined;
  /** what it is taken for until it has been seen; 1280x720 and 30 */
  readonly size?: PictureSize | undefined;
  readonly fps?: number | undefined;
  /** stay connected, whether or not somebody streams */
  readonly keep?: boolean | undefined;
  /** milliseconds; LINGER */
  readonly linger?: number | undefined;
}

interface LiveRun {
  readonly sink: CaptureSink;
  readonly pool: FramePool;
}

type LiveState =
  | { readonly kind: 'idle' }
  | { readonly kind: 'looking'; readonly connection: LiveConnection }
  | { readonly kind: 'live'; readonly connection: LiveConnection }
  | { readonly kind: 'waiting'; readonly timer: NodeJS.Timeout }
  | { readonly kind: 'closed' };

/** Resolves when it is known what the stream is like or why it is not there, after KNOWN_WITHIN at the latest. */
export async function openLiveStream(origin: LiveOrigin, o: LiveOptions): Promise<Capture> {
  const capture = new LiveCapture(origin, o);
  await capture.known;
  return capture;
}

class LiveCapture implements Capture {
  readonly controls = NO_CONTROLS;
  /** see `openLiveStream` */
  readonly known: Promise<void>;
  readonly #origin: LiveOrigin;
  readonly #o: LiveOptions;
  readonly #card: string;
  readonly #watchers = new Set<() => void>();
  readonly #backoff = new Backoff(PAUSES);
  readonly #resolveKnown: () => void;
  #state: LiveState = { kind: 'idle' };
  #modes: SourceModes;
  #absent: string | undefined = 'it was not looked for yet';
  #run: LiveRun | undefined;
  #linger: NodeJS.Timeout | undefined;
  #ending: Promise<unknown> = Promise.resolve();
  /** sequence numbers go on over connections, and so do times */
  #sequence = { base: 0, last: -1 };
  #time = 0;

  constructor(origin: LiveOrigin, o: LiveOptions) {
    this.#origin = origin;
    this.#o = o;
    this.#card = o.card ?? origin.name.replace(/^\w+:\/\//, '');
    this.#modes = expectedModes(this.#card, o.size ?? { width: 1280, height: 720 }, o.fps ?? 30);
    const { promise, resolve } = Promise.withResolvers<void>();
    const latest = setTimeout(resolve, KNOWN_WITHIN);
    this.known = promise.finally(() => clearTimeout(latest));
    this.#resolveKnown = resolve;
    if (origin.files !== undefined && landlockVersion() === 0) {
      this.#appear('this kernel has no Landlock, without which its process could open files: boot with lsm=landlock,…');
    } else this.#connect();
  }

  get modes(): SourceModes {
    return this.#modes;
  }

  get absent(): string | undefined {
    return this.#absent;
  }

  watch(listener: () => void): Disposable {
    const own = (): void => listener();
    this.#watchers.add(own);
    return { [Symbol.dispose]: () => void this.#watchers.delete(own) };
  }

  /** Throws what `FramePool.create` throws, and `SourceBusyError` while there is another start: it has one size and rate at a time. */
  start({ layout }: WantedFrames, sink: CaptureSink): Disposable {
    if (this.#run !== undefined) throw new SourceBusyError('a live stream brings one layout at a time');
    const run: LiveRun = { sink, pool: FramePool.create('paravideo-live-stream', layout, DEFAULT_SLOTS) };
    this.#run = run;
    clearTimeout(this.#linger);
    if (this.#state.kind === 'live') this.#state.connection.show(run.pool);
    // Not inside the call of whoever streams.
    else setImmediate(() => this.#wake());
    return {
      [Symbol.dispose]: () => {
        if (this.#run !== run) return;
        this.#run = undefined;
        if (this.#state.kind === 'live') this.#state.connection.hide();
        run.pool.close();
        this.#rest();
      },
    };
  }

  /** Frames that are not released yet stay valid. */
  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#linger);
    const state = this.#state;
    this.#state = { kind: 'closed' };
    if (state.kind === 'waiting') clearTimeout(state.timer);
    if ('connection' in state) this.#ending = state.connection.close();
    this.#resolveKnown();
    await this.#ending;
  }

  get #wanted(): boolean {
    return this.#run !== undefined || this.#o.keep === true;
  }

  #wake(): void {
    if (this.#state.kind === 'idle' && this.#wanted) this.#connect();
  }

  #connect(): void {
    try {
      const connection: LiveConnection = new LiveConnection({
        origin: this.#origin,
        fit: this.#o.fit ?? 'contain',
        log: this.#o.log,
        receiver: {
          opened: (info) => this.#opened(connection, info),
          wantsFrame: () => this.#run?.sink.wantsFrame() === true,
          frame: (slot, sequence, time) => this.#frame(slot, sequence, time),
          ended: (reason) => this.#cut(connection, reason),
        },
      });
      this.#state = { kind: 'looking', connection };
    } catch (error) {
      this.#wait(error instanceof SourceError ? error.message : `it could not be looked for: ${(error as Error).message}`);
    }
  }

  #opened(connection: LiveConnection, info: LiveInfo): void {
    this.#state = { kind: 'live', connection };
    this.#backoff.started(performance.now());
    this.#sequence = { base: this.#sequence.last + 1, last: this.#sequence.last };
    const modes = liveModes(this.#card, info, this.#modes.defaultInterval);
    if (JSON.stringify(modes) !== JSON.stringify(this.#modes)) this.#modes = modes;
    const { width, height } = modes.defaultSize;
    const { numerator, denominator } = modes.defaultInterval;
    const fps = Number((denominator / numerator).toFixed(3));
    this.#o.log.info({ stream: this.#origin.name, size: `${width}x${height}`, fps }, 'a live stream has come');
    this.#appear(undefined);
    if (this.#run !== undefined) connection.show(this.#run.pool);
    else this.#rest();
  }

  #frame(slot: FrameSlot, sequence: number, time: number): void {
    const run = this.#run;
    if (run === undefined) return slot.abandon();
    const now = this.#o.clock.now();
    this.#sequence.last = Math.max(this.#sequence.last + 1, this.#sequence.base + sequence);
    this.#time = Math.max(this.#time + 1, Math.abs(now - time) < MAX_CLOCK_DISTANCE ? time : now);
    const frame = slot.publish({ sequence: this.#sequence.last, timestamp: this.#time }, V4L2_FIELD_NONE);
    run.sink.frame({
      ...frame,
      release: () => {
        frame.release();
        if (this.#state.kind === 'live') this.#state.connection.feed();
      },
    });
  }

  #cut(connection: LiveConnection, reason: string): void {
    if (!('connection' in this.#state) || this.#state.connection !== connection) return;
    this.#ending = connection.close();
    this.#wait(reason);
  }

  #wait(reason: string): void {
    if (this.#state.kind === 'closed') return;
    clearTimeout(this.#linger);
    const now = performance.now();
    // Only a stream that was there has lived, however long it took another to fail.
    if (this.#state.kind !== 'live') this.#backoff.started(now);
    const pause = this.#backoff.died(now);
    const timer = setTimeout(() => this.#connect(), pause);
    this.#state = { kind: 'waiting', timer };
    if (this.#absent !== reason) {
      this.#o.log.warn({ stream: this.#origin.name, again: pause }, `a live stream is not there: ${reason}`);
    }
    this.#appear(reason);
  }

  /** Nobody streams: it is given up after a while. */
  #rest(): void {
    clearTimeout(this.#linger);
    if (this.#o.keep === true) return;
    this.#linger = setTimeout(() => {
      const state = this.#state;
      if (this.#wanted || state.kind !== 'live') return;
      this.#state = { kind: 'idle' };
      this.#ending = state.connection.close();
    }, this.#o.linger ?? LINGER);
  }

  #appear(absent: string | undefined): void {
    this.#absent = absent;
    this.#resolveKnown();
    for (const watcher of [...this.#watchers]) watcher();
  }
}
