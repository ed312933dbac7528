// SPDX-License-Identifier: Apache-2.0
/**
 * A camera whose frames another program makes. It has one format, one size and one rate at a time: those that its producer says, and
 * before that those of the configuration.
 *
 * What nobody wants is read and dropped, so that no guest holds up the producer. A lossless camera holds it up: it reads a frame
 * ahead, and the next when somebody has taken that one.
 */
import {
  type Capture,
  type CapturedFrame,
  type CaptureSink,
  type Clock,
  NO_CONTROLS,
  SourceBusyError,
  type SourceModes,
  V4L2_FIELD_NONE,
  type WantedFrames,
} from '@paravideo/core';
import type { Log } from '../../log/index.ts';
import { DEFAULT_SLOTS, FramePool } from '../frame-pool.ts';
import { type FrameBand, FrameWriter, frameBands } from './frame-writer.ts';
import type { FrameStart, HeaderReader } from './header-reader.ts';
import type { OpenOrigin, Origin } from './origin.ts';
import { type FrameReceiver, Producer, type ProducerEnd } from './producer.ts';
import { ProducerFault } from './producer-fault.ts';
import { describePicture, isCoded, type RawPicture, rawModes, samePicture } from './raw-picture.ts';
import type { StreamInput } from './stream-input.ts';

/** Microseconds after which a guest that would not take a frame is asked again. */
const ASK_AGAIN = 2000;
/** Changes of the picture in CHANGE_WINDOW microseconds, beyond which a producer has to go. */
export const MAX_CHANGES = 20;
const CHANGE_WINDOW = 10_000_000;
/** Microseconds by which a producer's time may differ from ours: a time that is not of this clock is not believed. */
const MAX_CLOCK_DISTANCE = 10_000_000;

/** How a camera of raw frames is set up. */
export interface RawCaptureOptions {
  readonly card: string;
  /** what its frames are as long as nobody has said so */
  readonly expected: RawPicture;
  /** one for each producer */
  readonly reader: () => HeaderReader;
  readonly lossless: boolean;
  readonly clock: Clock;
  readonly log: Log;
  readonly origin: OpenOrigin;
  /** why it is not there at first; undefined: it is */
  readonly absent: string | undefined;
}

/** One start. */
interface RawRun {
  readonly sink: CaptureSink;
  readonly pool: FramePool;
  readonly bands: readonly FrameBand[];
  readonly most: number;
  open: boolean;
}

/** See the top of the file. */
export class RawCapture implements Capture, FrameReceiver {
  readonly controls = NO_CONTROLS;
  readonly #o: RawCaptureOptions;
  readonly #origin: Origin;
  readonly #watchers = new Set<() => void>();
  #modes: SourceModes;
  #absent: string | undefined;
  #picture: RawPicture;
  #producer: Producer | undefined;
  #run: RawRun | undefined;
  /** of whom each frame is that is being filled */
  readonly #writers = new Map<FrameWriter, RawRun>();
  #sequence = 0;
  #lastTimestamp = 0;
  #asking: Disposable | undefined;
  #changes = { since: Number.NEGATIVE_INFINITY, count: 0 };
  #foreignClockTold = false;
  #closed: Promise<void> | undefined;

  /** Throws `SourceError` if the origin cannot be had. */
  constructor(o: RawCaptureOptions) {
    this.#o = o;
    this.#picture = o.expected;
    this.#modes = rawModes(o.card, o.expected);
    this.#absent = o.absent;
    this.#origin = o.origin({
      log: o.log,
      serve: (input, ended) => this.#serve(input, ended),
      absent: (reason) => this.#appear(reason),
      present: () => this.#appear(undefined),
    });
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

  /** Throws what `FramePool.create` throws, and `SourceBusyError` while there is another start: its bytes are read to one place. */
  start({ layout }: WantedFrames, sink: CaptureSink): Disposable {
    if (this.#run !== undefined) throw new SourceBusyError('a camera of raw frames brings one layout at a time');
    const pool = FramePool.create('paravideo-raw-frames', layout, DEFAULT_SLOTS);
    const run: RawRun = { sink, pool, bands: frameBands(layout), most: layout.sizes[0] ?? 0, open: true };
    this.#run = run;
    this.#origin.streaming(true);
    this.#askAgain();
    return {
      [Symbol.dispose]: () => {
        if (this.#run !== run) return;
        this.#run = undefined;
        run.open = false;
        pool.close();
        this.#origin.streaming(false);
        // A frame that waits to be taken is of no use any more.
        this.#askAgain();
      },
    };
  }

  /** Ends the producer; frames that are not released yet stay valid. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#closed ??= (async () => {
      this.#asking?.[Symbol.dispose]();
      await this.#origin[Symbol.asyncDispose]();
      this.#asking?.[Symbol.dispose]();
    })();
    return this.#closed;
  }

  picture(picture: RawPicture): void {
    const same = samePicture(picture, this.#picture);
    if (same && this.#absent === undefined) return;
    if (!same) {
      this.#countChange();
      this.#picture = picture;
      this.#modes = rawModes(this.#o.card, picture);
    }
    this.#absent = undefined;
    this.#o.log.info({ picture: describePicture(picture) }, 'raw frames come');
    this.#tell();
  }

  begin(frame: FrameStart, arrival: number): FrameWriter | undefined | 'later' {
    const run = this.#run;
    if (this.#o.lossless) {
      if (run === undefined) return 'later';
    } else if (run?.sink.wantsFrame() !== true) return this.#skip();
    if (frame.bytes > run.most) return this.#skip();
    const slot = run.pool.take();
    if (slot === undefined) {
      if (!this.#o.lossless) return this.#skip();
      this.#askAgain(ASK_AGAIN);
      return 'later';
    }
    const writer = new FrameWriter(slot, run.bands, this.#sequence, this.#time(frame.timestamp, arrival));
    this.#sequence += 1;
    this.#writers.set(writer, run);
    return writer;
  }

  whole(writer: FrameWriter): boolean {
    const run = this.#writers.get(writer);
    if (run?.open === true) {
      if (!run.sink.wantsFrame() && this.#o.lossless) {
        this.#askAgain(ASK_AGAIN);
        return false;
      }
      this.#writers.delete(writer);
      run.sink.frame(published(writer, isCoded(run.pool.layout.fourcc)));
      return true;
    }
    this.broken(writer);
    return true;
  }

  broken(writer: FrameWriter): void {
    if (this.#writers.delete(writer)) writer.slot.abandon();
  }

  #skip(): undefined {
    this.#sequence += 1;
  }

  #serve(input: StreamInput, ended: (end: ProducerEnd) => void): Producer {
    const producer = new Producer({
      input,
      reader: this.#o.reader(),
      receiver: this,
      clock: this.#o.clock,
      ended: (end) => {
        if (this.#producer === producer) this.#producer = undefined;
        ended(end);
      },
    });
    this.#producer = producer;
    return producer;
  }

  /** Lets a producer go on that waits for somebody to take a frame, never inside the caller's own call. */
  #askAgain(after = 0): void {
    if (!this.#o.lossless) return;
    this.#asking?.[Symbol.dispose]();
    this.#asking = this.#o.clock.at(this.#o.clock.now() + after, () => {
      this.#asking = undefined;
      this.#producer?.resume();
    });
  }

  /** Of the producer, if it is of our clock; never before that of the frame before. */
  #time(said: number, arrival: number): number {
    let time = said === 0 ? arrival : said;
    if (Math.abs(time - arrival) > MAX_CLOCK_DISTANCE) {
      time = arrival;
      if (!this.#foreignClockTold) {
        const remedy = 'send microseconds of CLOCK_MONOTONIC, or 0';
        this.#o.log.warn(
          { timestamp: said, now: arrival, remedy },
          'timestamps of a producer are not of this clock: they are not used',
        );
      }
      this.#foreignClockTold = true;
    }
    this.#lastTimestamp = Math.max(this.#lastTimestamp, time);
    return this.#lastTimestamp;
  }

  #countChange(): void {
    const now = this.#o.clock.now();
    if (now - this.#changes.since > CHANGE_WINDOW) this.#changes = { since: now, count: 0 };
    this.#changes.count += 1;
    if (this.#changes.count > MAX_CHANGES) {
      throw new ProducerFault(`it changed its format, size or rate more than ${MAX_CHANGES} times in ${CHANGE_WINDOW / 1e6} s`);
    }
  }

  #appear(absent: string | undefined): void {
    if (absent === this.#absent) return;
    this.#absent = absent;
    this.#tell();
  }

  #tell(): void {
    for (const watcher of [...this.#watchers]) watcher();
  }
}

/** Coded data is no longer than what came; pixels fill their layout, with what stands between their rows. */
function published({ slot, sequence, timestamp, written }: FrameWriter, coded: boolean): CapturedFrame {
  const frame = slot.publish({ sequence, timestamp }, V4L2_FIELD_NONE);
  return coded ? { ...frame, planes: frame.planes.map((plane) => ({ ...plane, length: written })) } : frame;
}
