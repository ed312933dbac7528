// SPDX-License-Identifier: Apache-2.0
/**
 * Gives a sink what is played: chooses the frames that it takes, begins and ends with the guest, and counts what the sink had no time for.
 *
 *     silent --a guest plays--> playing --it stops, or the sink fails to begin--> silent
 */
import {
  type Frame,
  type FrameConsumer,
  type FrameStream,
  fourccName,
  NoMemoryError,
  type PlayedPicture,
  pictureLayout,
  type SharedSource,
  SourceBusyError,
  type SourceModes,
} from '@paravideo/core';
import type { Log } from '../log/index.ts';
import type { OutputSink, SinkPlay } from './sink-adapter.ts';
import { SinkError } from './sink-error.ts';

/** See the top of the file. It owns the sink, and not the source. */
export class SinkFeed implements AsyncDisposable {
  readonly #source: SharedSource;
  readonly #sink: OutputSink;
  readonly #log: Log;
  readonly #watching = new DisposableStack();
  #running: FedPlay | undefined;

  constructor(source: SharedSource, sink: OutputSink, log: Log) {
    this.#source = source;
    this.#sink = sink;
    this.#log = log;
    this.#watching.use(source.watch(() => this.#follow()));
    this.#watching.use(
      sink.watch?.(() => {
        this.#running?.close();
        this.#follow();
      }),
    );
    this.#follow();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#watching[Symbol.dispose]();
    this.#running?.close();
    await this.#sink[Symbol.asyncDispose]();
  }

  #follow(): void {
    if (this.#source.presence.kind !== 'present' || this.#running !== undefined) return;
    try {
      const picture = takenPicture(this.#source.capabilities, this.#sink.formats);
      const running = new FedPlay(this.#sink.begin(picture), this.#log, () => {
        if (this.#running === running) this.#running = undefined;
      });
      this.#running = running;
      running.begin(this.#source, picture);
    } catch (error) {
      this.#running?.close();
      const known = error instanceof SinkError || error instanceof SourceBusyError || error instanceof NoMemoryError;
      if (!known) throw error;
      this.#log.warn({ reason: error.message }, 'a sink does not take what is played');
    }
  }
}

/** What a guest plays, on its way into the sink. */
class FedPlay implements FrameConsumer {
  readonly #play: SinkPlay;
  readonly #log: Log;
  readonly #over: () => void;
  #stream: FrameStream | undefined;
  #open = true;
  #first: number | undefined;
  #last = 0;
  #taken = 0;

  constructor(play: SinkPlay, log: Log, over: () => void) {
    this.#play = play;
    this.#log = log;
    this.#over = over;
  }

  begin(source: SharedSource, { layout, interval }: PlayedPicture): void {
    this.#stream = source.start({ layout, interval }, this);
  }

  wantsFrame(): boolean {
    return this.#play.wantsFrame();
  }

  frame(frame: Frame): void {
    this.#first ??= frame.sequence;
    this.#last = frame.sequence;
    this.#taken += 1;
    this.#play.frame(frame);
  }

  lost(): void {
    this.close();
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#stream?.[Symbol.dispose]();
    this.#over();
    const frames = this.#first === undefined ? 0 : this.#last - this.#first + 1;
    this.#log.info({ frames: this.#taken, missed: frames - this.#taken }, 'a sink has taken what was played');
    this.#play.end();
  }
}

/** The format that a sink is given: what is played, if it takes that, else what it likes best of `made`, which that can be made into. */
export function takenFormat(played: number, made: readonly number[], formats: readonly number[]): number | undefined {
  return formats.length === 0 || formats.includes(played) ? played : formats.find((each) => made.includes(each));
}

/** What a sink is to be given. Throws `SinkError`. */
function takenPicture(modes: SourceModes, formats: readonly number[]): PlayedPicture {
  const [played = 0] = modes.formats;
  const fourcc = takenFormat(played, modes.formats, formats);
  const { width, height } = modes.defaultSize;
  const layout = fourcc === undefined ? undefined : pictureLayout(fourcc, width, height);
  if (layout === undefined) {
    const list = formats.map(fourccName).join(', ');
    throw new SinkError(`it takes ${list}, and ${fourccName(played)} is played: play one of those, or install node-av`);
  }
  return { layout, interval: modes.defaultInterval, colorimetry: modes.colorimetry };
}
