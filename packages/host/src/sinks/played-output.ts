// SPDX-License-Identifier: Apache-2.0
/**
 * Where a guest's output and what becomes of it meet: for the guest there is a `FrameSink`, for everybody else a `Capture`, a camera
 * that is there while the guest plays. `SharedSource` shares and converts what it brings, as it does for any other camera.
 *
 *     guest ── STREAMON ──▶ start ── the camera comes ──▶ sinks, cameras of other guests
 *     guest ── QBUF ──▶ room: a slot of the pool, if anybody wants the frame ── filled by a copying thread ──▶ show
 *     guest ── STREAMOFF ──▶ the camera goes
 */
import {
  type Capture,
  type CaptureSink,
  type FrameRoom,
  type FrameSink,
  NO_CONTROLS,
  type PictureLayout,
  type PlayedMoment,
  type PlayedPicture,
  type SinkModes,
  type SinkStream,
  SourceBusyError,
  type SourceModes,
  type WantedFrames,
} from '@paravideo/core';
import type { Log } from '../log/index.ts';
import { DEFAULT_SLOTS, FramePool, type FrameSlot } from '../sources/index.ts';
import { playedModes } from './output-modes.ts';

/** What a guest plays, from STREAMON to STREAMOFF. */
interface Playing {
  readonly picture: PlayedPicture;
  readonly pool: FramePool;
  shown: number;
  /** frames that somebody wanted and for which there was no memory */
  missed: number;
}

/** See the top of the file. */
export class PlayedOutput {
  /** what a guest plays into */
  readonly sink: FrameSink;
  readonly #name: string;
  readonly #log: Log;
  readonly #watchers = new Set<() => void>();
  readonly #starts = new Set<CaptureSink>();
  #modes: SourceModes;
  #absent: string | undefined;
  #playing: Playing | undefined;

  /** @param expected what a camera that shows it says before anybody has played */
  constructor(o: { name: string; modes: SinkModes; expected: PlayedPicture; log: Log }) {
    this.#name = o.name;
    this.#log = o.log;
    this.#modes = playedModes(o.modes.card, o.expected);
    this.#absent = this.#silence;
    this.sink = { modes: o.modes, start: (picture) => this.#play(picture) };
  }

  /** What is played, as a camera: for one `SharedSource`, beside others. */
  capture(): Capture {
    const output = this;
    return {
      get modes() {
        return output.#modes;
      },
      get absent() {
        return output.#absent;
      },
      controls: NO_CONTROLS,
      watch: (listener) => {
        const own = (): void => listener();
        this.#watchers.add(own);
        return { [Symbol.dispose]: () => void this.#watchers.delete(own) };
      },
      start: (wanted, sink) => this.#start(wanted, sink),
      [Symbol.asyncDispose]: async () => {},
    };
  }

  get #silence(): string {
    return `nobody plays into the output ${this.#name}`;
  }

  #play(picture: PlayedPicture): SinkStream {
    if (this.#playing !== undefined) throw new SourceBusyError(`another guest plays into the output ${this.#name}`);
    const pool = FramePool.create('paravideo-played-frames', picture.layout, DEFAULT_SLOTS);
    const playing: Playing = { picture, pool, shown: 0, missed: 0 };
    this.#playing = playing;
    this.#modes = playedModes(this.#modes.card, picture);
    this.#appear(undefined);
    return {
      room: () => this.#room(playing),
      [Symbol.dispose]: () => {
        if (this.#playing !== playing) return;
        this.#playing = undefined;
        pool.close();
        const { shown, missed } = playing;
        this.#log.info({ frames: shown, missed }, 'a guest has ended playing');
        this.#appear(this.#silence);
      },
    };
  }

  /** Throws `SourceBusyError` for frames with lines of another length: what is played is shown as it is. */
  #start({ layout }: WantedFrames, sink: CaptureSink): Disposable {
    const playing = this.#playing;
    if (playing === undefined || !sameLayout(playing.picture.layout, layout)) {
      throw new SourceBusyError('frames of an output have lines without padding');
    }
    this.#starts.add(sink);
    return { [Symbol.dispose]: () => void this.#starts.delete(sink) };
  }

  #room(playing: Playing): FrameRoom | undefined {
    if (this.#playing !== playing) return undefined;
    playing.shown += 1;
    if (![...this.#starts].some((sink) => sink.wantsFrame())) return undefined;
    const slot = playing.pool.take();
    if (slot === undefined) {
      playing.missed += 1;
      return undefined;
    }
    return {
      planes: slot.planes.map((plane) => ({ kind: 'address', ...plane })),
      show: (moment) => this.#show(playing, slot, moment),
      abandon: () => slot.abandon(),
    };
  }

  #show(playing: Playing, slot: FrameSlot, moment: PlayedMoment): void {
    if (this.#playing !== playing) return slot.abandon();
    const frame = slot.publish(moment, moment.field);
    // It belongs to all who want it, and to this call.
    let holders = 1;
    const release = (): void => {
      holders -= 1;
      if (holders === 0) frame.release();
    };
    for (const sink of [...this.#starts]) {
      if (!this.#starts.has(sink) || !sink.wantsFrame()) continue;
      holders += 1;
      sink.frame({ ...frame, release });
    }
    release();
  }

  #appear(absent: string | undefined): void {
    this.#absent = absent;
    for (const watcher of [...this.#watchers]) watcher();
  }
}

function sameLayout(a: PictureLayout, b: PictureLayout): boolean {
  const sameColours = a.colours.every((colour, i) => {
    const other = b.colours[i];
    return other?.buffer === colour.buffer && other.offset === colour.offset && other.stride === colour.stride;
  });
  return a.fourcc === b.fourcc && a.width === b.width && a.height === b.height && sameColours;
}
