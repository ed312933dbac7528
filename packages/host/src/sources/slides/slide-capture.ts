// SPDX-License-Identifier: Apache-2.0
/**
 * A camera that shows the pictures of a folder, one after another, for ever. Each is opened here, and decoded in a process that has
 * nothing but descriptors: of the picture that is shown and of the one that comes next. Where somebody streams, a picture is made once
 * for each layout.
 *
 *     absent --a picture that can be shown--> present        what cannot is left out, with a line in the log
 */
import { constants } from 'node:fs';
import { basename } from 'node:path';
import {
  type Capture,
  type CapturedFrame,
  type CaptureSink,
  type Clock,
  type Fit,
  NO_CONTROLS,
  type PictureLayout,
  SourceError,
  type SourceModes,
  V4L2_COLORSPACE_SMPTE170M,
  V4L2_QUANTIZATION_DEFAULT,
  V4L2_XFER_FUNC_709,
  V4L2_YCBCR_ENC_601,
  type WantedFrames,
} from '@paravideo/core';
import { AV_INSTALL_COMMAND, AvError, avInstalled } from '../../av/index.ts';
import { LinuxClock } from '../../clock/index.ts';
import type { Log } from '../../log/index.ts';
import { Fd } from '../../sys/index.ts';
import { INTERVALS, SIZES } from '../media-file/media-file-source.ts';
import { MediaProcess } from '../media-file/media-process.ts';
import { RAW_FORMATS } from '../scaling/raw-pictures.ts';
import { StillStart, stillFrame } from '../still-start.ts';
import { type Slide, SlideFolder } from './slide-folder.ts';

/** How a folder is shown. */
export interface SlidesOptions {
  readonly log: Log;
  /** name of the camera; the folder's */
  readonly card?: string | undefined;
  /** seconds for each picture; 5 */
  readonly seconds?: number | undefined;
  /** how pictures of another shape are shown; contain */
  readonly fit?: Fit | undefined;
  /** CLOCK_MONOTONIC */
  readonly clock?: Clock;
}

/** FFmpeg's number of the matrix of Rec. 601: pictures of all kinds become that. */
const AVCOL_SPC_SMPTE170M = 6;
const SECONDS = 5;

/**
 * Resolves when the first picture is decoded, or there is none yet. Rejects with SourceError for a folder that cannot be opened, and
 * AvError (missing) where the codec library is not installed.
 */
export async function openSlides(path: string, o: SlidesOptions): Promise<Capture> {
  if (!avInstalled())
    throw new AvError('missing', `showing ${path} needs the codec library node-av; install it with: ${AV_INSTALL_COMMAND}`);
  const folder = new SlideFolder(path);
  try {
    await folder.names();
  } catch (error) {
    throw new SourceError(`${path} cannot be shown: ${refusal(error)}`, { cause: error });
  }
  const slides = new SlideCapture(path, folder, o);
  await slides.begin();
  return slides;
}

function refusal(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
  if (code === 'ENOENT') return 'there is no such folder (ENOENT): look at its name';
  if (code === 'ENOTDIR') return 'it is no folder (ENOTDIR): show it as file: PATH';
  return `the folder cannot be opened (${code})`;
}

class SlideCapture implements Capture {
  readonly modes: SourceModes;
  readonly controls = NO_CONTROLS;
  readonly #path: string;
  readonly #folder: SlideFolder;
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #pause: number;
  readonly #process: MediaProcess;
  readonly #starts = new Set<StillStart>();
  readonly #watchers = new Set<() => void>();
  /** names of this round that are still to come */
  #coming: string[] = [];
  /** what cannot be shown, as it was found */
  #refused = new Map<string, string>();
  #shown: Pick<Slide, 'name' | 'stamp'> | undefined;
  #timer: Disposable | undefined;
  #going: Promise<void> | undefined;
  #ended: Promise<void> | undefined;
  #lastTrouble = '';

  constructor(path: string, folder: SlideFolder, o: SlidesOptions) {
    this.#path = path;
    this.#folder = folder;
    this.#log = o.log;
    this.#clock = o.clock ?? new LinuxClock();
    this.#pause = (o.seconds ?? SECONDS) * 1e6;
    this.modes = slideModes(o.card ?? basename(path));
    // It begins with a file in which there is nothing; pictures come as the next.
    const nothing = Fd.open('/dev/null', constants.O_RDONLY).take();
    this.#process = new MediaProcess({ file: nothing, fit: o.fit ?? 'contain', matrix: AVCOL_SPC_SMPTE170M, log: o.log });
  }

  get absent(): string | undefined {
    return this.#shown === undefined ? `there is no picture in ${this.#path}` : undefined;
  }

  watch(listener: () => void): Disposable {
    const own = (): void => listener();
    this.#watchers.add(own);
    return { [Symbol.dispose]: () => void this.#watchers.delete(own) };
  }

  start({ layout, interval }: WantedFrames, sink: CaptureSink): Disposable {
    if (!RAW_FORMATS.includes(layout.fourcc)) throw new SourceError('slides are not made in this format');
    const start = new StillStart(() => this.#picture(layout), interval, this.#clock, sink);
    this.#starts.add(start);
    this.#wait();
    return {
      [Symbol.dispose]: () => {
        this.#starts.delete(start);
        start[Symbol.dispose]();
      },
    };
  }

  /** Shows the first picture, and then one after another. */
  async begin(): Promise<void> {
    await this.#process.ready;
    await this.#turn();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#ended ??= (async () => {
      this.#timer?.[Symbol.dispose]();
      for (const start of this.#starts) start[Symbol.dispose]();
      this.#starts.clear();
      await this.#process.close();
      await this.#going;
      await this.#folder.close();
    })();
    return this.#ended;
  }

  /** Goes on to the next picture, and again after the pause. */
  #turn(): Promise<void> {
    this.#going = this.#advance().finally(() => {
      this.#going = undefined;
      this.#wait();
    });
    return this.#going;
  }

  /** Goes on after the pause; while nobody sees the picture, it stays. */
  #wait(): void {
    if (this.#ended !== undefined || this.#timer !== undefined || this.#going !== undefined) return;
    this.#timer = this.#clock.at(this.#clock.now() + this.#pause, () => {
      this.#timer = undefined;
      if (this.#starts.size > 0 || this.#shown === undefined) void this.#turn();
    });
  }

  async #advance(): Promise<void> {
    for (let rounds = 0; this.#ended === undefined; ) {
      const name = this.#coming.shift();
      if (name !== undefined) {
        if (await this.#show(name)) return;
      } else if (rounds === 1) {
        return this.#trouble('there is no picture in the folder that can be shown: put some there');
      } else {
        rounds += 1;
        await this.#look();
      }
    }
  }

  /** Begins a round. */
  async #look(): Promise<void> {
    try {
      this.#coming = [...(await this.#folder.names())];
      const there = new Set(this.#coming);
      this.#refused = new Map([...this.#refused].filter(([name]) => there.has(name)));
    } catch (error) {
      this.#trouble(refusal(error));
    }
  }

  /** True if this is what is shown now. */
  async #show(name: string): Promise<boolean> {
    const slide = await this.#folder.open(name);
    if (typeof slide === 'string') return this.#refuse(name, slide, slide);
    const { file, stamp } = slide;
    const { name: before, stamp: sameStamp } = this.#shown ?? {};
    if (this.#refused.get(name) === stamp || (before === name && sameStamp === stamp) || this.#ended !== undefined) {
      file.close();
      return before === name;
    }
    const found = await this.#process.show(file);
    if (typeof found === 'string') return this.#refuse(name, stamp, found);
    this.#refused.delete(name);
    this.#lastTrouble = '';
    const came = this.#shown === undefined;
    this.#shown = { name, stamp };
    for (const start of this.#starts) start.renew();
    if (came) for (const watcher of [...this.#watchers]) watcher();
    return true;
  }

  #refuse(name: string, stamp: string, reason: string): false {
    if (this.#refused.get(name) !== stamp && this.#ended === undefined) {
      this.#log.warn({ folder: this.#path, name, reason }, 'a picture is left out');
    }
    this.#refused.set(name, stamp);
    return false;
  }

  #trouble(reason: string): void {
    if (reason !== this.#lastTrouble) this.#log.warn({ folder: this.#path }, reason);
    this.#lastTrouble = reason;
  }

  #picture(layout: PictureLayout): Promise<CapturedFrame | undefined> {
    return stillFrame('paravideo-slides', layout, this.#clock, (pool) => this.#process.open(pool));
  }
}

function slideModes(card: string): SourceModes {
  return {
    card,
    formats: RAW_FORMATS,
    defaultSize: { width: 1280, height: 720 },
    defaultInterval: { numerator: 1, denominator: 30 },
    colorimetry: {
      colorspace: V4L2_COLORSPACE_SMPTE170M,
      ycbcrEnc: V4L2_YCBCR_ENC_601,
      quantization: V4L2_QUANTIZATION_DEFAULT,
      xferFunc: V4L2_XFER_FUNC_709,
    },
    sizes: () => ({ kind: 'stepwise', range: SIZES }),
    intervals: () => ({ kind: 'continuous', ...INTERVALS }),
  };
}
