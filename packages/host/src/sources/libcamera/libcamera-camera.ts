// SPDX-License-Identifier: Apache-2.0
/**
 * A camera that libcamera knows, as a capture: `cam` says what it is, and runs while somebody streams.
 *
 *     absent --`cam -l` names it--> present --it does not any more, or a run brought nothing--> absent
 *
 * It is looked for when a run has ended and, while it is absent, again and again. It delivers one mode at a time.
 */
import {
  type Capture,
  type CaptureSink,
  type Clock,
  type ControlPort,
  fixedControls,
  SourceBusyError,
  SourceControls,
  SourceError,
  type SourceModes,
  V4L2_FIELD_NONE,
  type WantedFrames,
} from '@paravideo/core';
import { Backoff } from '../../isolation/child/index.ts';
import type { Log } from '../../log/index.ts';
import { DEFAULT_SLOTS, FramePool } from '../frame-pool.ts';
import type { CommandProcess, FrameWriter } from '../raw-frames/index.ts';
import { camSays, startCam } from './cam-program.ts';
import { CamStream } from './cam-stream.ts';
import { type CamDescription, type CamFrame, camDescription, listedCameras, meantCamera } from './cam-text.ts';
import { describeFormats, libcameraControls, libcameraModes, UNSEEN } from './libcamera-modes.ts';

/** Milliseconds between looks for a camera that is absent. */
const LOOK_EVERY = 5000;
/** Microseconds by which a camera's time may differ from ours: a time that is not of this clock is not believed. */
const MAX_CLOCK_DISTANCE = 10_000_000;
/** Frames a second of a camera that does not say so. */
const FPS = 30;

/** How a camera of libcamera is found and shown. */
export interface LibcameraOptions {
  readonly log: Log;
  readonly clock: Clock;
  /** the name that guests see; its model, or libcamera's name of it */
  readonly card?: string | undefined;
  /** what guests are told of its rate */
  readonly fps?: number | undefined;
  /** the program; `cam` */
  readonly cam?: string;
  /** milliseconds; LOOK_EVERY */
  readonly lookEvery?: number;
}

interface CamRun {
  readonly sink: CaptureSink;
  readonly pool: FramePool;
  frames: number;
  process: CommandProcess | undefined;
  stream: CamStream | undefined;
}

/**
 * Resolves when the camera was looked for; one that is not there now may come later.
 * @param wanted as `meantCamera` takes it
 */
export async function openLibcamera(wanted: string, o: LibcameraOptions): Promise<Capture> {
  const camera = new LibcameraCamera(wanted, o);
  await camera.look();
  return camera;
}

class LibcameraCamera implements Capture {
  readonly #wanted: string;
  readonly #o: LibcameraOptions;
  readonly #cam: string;
  readonly #listeners = new Set<() => void>();
  readonly #backoff = new Backoff({ forgetAfter: 1000 });
  #described: CamDescription = UNSEEN;
  #id = '';
  #modes: SourceModes;
  #controls: ControlPort | undefined;
  #absent: string | undefined = 'it was not looked for yet';
  #run: CamRun | undefined;
  #again: NodeJS.Timeout | undefined;
  /** resolves when the process of the last run has gone: a camera is opened by one at a time */
  #gone: Promise<unknown> = Promise.resolve();
  /** milliseconds of the process: after a run that brought nothing the next begins no sooner */
  #notBefore = 0;
  #resting: NodeJS.Timeout | undefined;
  /** ends questions to the program */
  readonly #ending = new AbortController();
  #looking: Promise<void> | undefined;
  #ended: Promise<void> | undefined;

  constructor(wanted: string, o: LibcameraOptions) {
    this.#wanted = wanted;
    this.#o = o;
    this.#cam = o.cam ?? 'cam';
    this.#modes = libcameraModes(UNSEEN, o.card ?? wanted, o.fps ?? FPS);
  }

  get modes(): SourceModes {
    return this.#modes;
  }

  get absent(): string | undefined {
    return this.#absent;
  }

  /** Those of the camera as it was when they were first asked for. */
  get controls(): ControlPort {
    this.#controls ??= fixedControls(new SourceControls(libcameraControls(this.#described)));
    return this.#controls;
  }

  watch(listener: () => void): Disposable {
    const own = (): void => listener();
    this.#listeners.add(own);
    return { [Symbol.dispose]: () => void this.#listeners.delete(own) };
  }

  /** Throws what `FramePool.create` throws, and `SourceBusyError` while there is another start. */
  start(wanted: WantedFrames, sink: CaptureSink): Disposable {
    if (this.#run !== undefined) throw new SourceBusyError(`camera ${this.#wanted} delivers another picture already`);
    const pool = FramePool.create('paravideo-libcamera', wanted.layout, DEFAULT_SLOTS);
    const run: CamRun = { sink, pool, frames: 0, process: undefined, stream: undefined };
    this.#run = run;
    void this.#gone.then(() => this.#rest(() => this.#begin(run)));
    return { [Symbol.dispose]: () => this.#stop(run) };
  }

  /** Looks whether the camera is there; one look at a time. */
  look(): Promise<void> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  /** Frames that are not released yet stay valid. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#ended ??= (async () => {
      clearTimeout(this.#again);
      clearTimeout(this.#resting);
      this.#ending.abort();
      if (this.#run !== undefined) this.#stop(this.#run);
      await this.#gone;
      await this.#looking;
      clearTimeout(this.#again);
    })();
    return this.#ended;
  }

  async #look(): Promise<void> {
    clearTimeout(this.#again);
    try {
      const listed = listedCameras(await this.#ask(['-l']));
      const meant = meantCamera(listed, this.#wanted);
      if (meant === undefined) {
        const there = listed.map(({ id, name }) => `${name} (${id})`).join(', ');
        return this.#missing(`libcamera knows no camera ${this.#wanted}: it knows ${there === '' ? 'none' : there}`);
      }
      const described = camDescription(await this.#ask(['-c', meant.id, '-I', '--list-properties']));
      if (described.formats.length === 0)
        return this.#missing(`camera ${meant.id} of libcamera has no format that is known here`);
      this.#came(meant.id, meant.name, described);
    } catch (error) {
      if (!(error instanceof SourceError)) throw error;
      if (this.#ended === undefined) this.#missing(error.message);
    }
  }

  #ask(args: readonly string[]): Promise<string> {
    return camSays(this.#cam, args, this.#ending.signal);
  }

  #came(id: string, name: string, described: CamDescription): void {
    const other = id !== this.#id || JSON.stringify(described) !== JSON.stringify(this.#described);
    if (this.#absent === undefined && !other) return;
    this.#id = id;
    this.#absent = undefined;
    if (other) {
      this.#described = described;
      const card = this.#o.card ?? described.model ?? (name === '' ? this.#wanted : name);
      this.#modes = libcameraModes(described, card, this.#o.fps ?? FPS);
    }
    this.#o.log.info({ camera: id, formats: describeFormats(described) }, 'camera found');
    this.#tell();
  }

  #missing(reason: string): void {
    if (this.#ended === undefined) {
      this.#again = setTimeout(() => void this.look(), this.#o.lookEvery ?? LOOK_EVERY).unref();
    }
    if (this.#absent === reason) return;
    this.#absent = reason;
    this.#o.log.warn({ libcamera: this.#wanted }, reason);
    this.#tell();
  }

  #rest(then: () => void): void {
    const left = this.#notBefore - performance.now();
    if (left <= 0) then();
    else this.#resting = setTimeout(then, left);
  }

  #begin(run: CamRun): void {
    if (this.#run !== run) return;
    const { layout } = run.pool;
    const format = this.#described.formats.find(({ fourcc }) => fourcc === layout.fourcc);
    if (format === undefined) return this.#over(run, 'it does not bring such frames any more');
    this.#backoff.started(performance.now());
    try {
      run.process = startCam(this.#cam, {
        id: this.#id,
        format,
        width: layout.width,
        height: layout.height,
        stderr: (bytes) => run.stream?.heard(bytes),
      });
      run.stream = new CamStream(run.process.stream, run.pool, this.#o.clock, {
        wantsFrame: () => this.#run === run && run.sink.wantsFrame(),
        frame: (writer, told) => this.#frame(run, writer, told),
        ended: (reason) => void this.#died(run, reason),
      });
    } catch (error) {
      this.#over(run, `${this.#cam} could not be started: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  #frame(run: CamRun, writer: FrameWriter, { sequence, timestamp }: CamFrame): void {
    if (this.#run !== run || !run.sink.wantsFrame()) return writer.slot.abandon();
    run.frames += 1;
    const ours = Math.abs(timestamp - writer.timestamp) <= MAX_CLOCK_DISTANCE;
    run.sink.frame(writer.slot.publish({ sequence, timestamp: ours ? timestamp : writer.timestamp }, V4L2_FIELD_NONE));
  }

  /** A run ended by itself: why, `cam` has said last. */
  async #died(run: CamRun, reason: string): Promise<void> {
    const how = await run.process?.stop();
    const words = run.stream?.lastWords ?? '';
    this.#over(run, `${this.#cam}: ${reason} (${how ?? 'not started'})${words === '' ? '' : `: ${words}`}`);
  }

  #over(run: CamRun, reason: string): void {
    if (this.#run !== run) return;
    this.#stop(run);
    this.#o.log.warn({ libcamera: this.#wanted, frames: run.frames }, reason);
    // Whoever streamed begins anew: not at once, where nothing has come.
    const now = performance.now();
    const pause = this.#backoff.died(now);
    if (run.frames === 0) this.#notBefore = now + pause;
    run.sink.ended(reason);
    void this.look();
  }

  #stop(run: CamRun): void {
    if (this.#run !== run) return;
    this.#run = undefined;
    run.stream?.[Symbol.dispose]();
    run.pool.close();
    if (run.process !== undefined) this.#gone = run.process.stop();
  }

  #tell(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}
