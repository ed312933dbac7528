// SPDX-License-Identifier: Apache-2.0
/**
 * The source that devices share, over the capture of one camera. Streams that want the same frames have one start of the capture
 * and one frame between them:
 *
 *     capture ── rendition NV12 1920x1080, 1/30 s ── stream, stream
 *             └─ rendition RGB3 1920x1080, 1/30 s ── stream
 *
 * When the capture goes away, or cannot deliver such frames any more, the streams end; when it is there again, others can begin.
 */
import { hasSize } from '../picture/index.ts';
import {
  type Capture,
  type ControlPort,
  type FrameConsumer,
  type FrameSource,
  NoMemoryError,
  SourceBusyError,
  type SourceChange,
  type SourceModes,
  type SourcePresence,
  type WantedFrames,
} from '../ports/index.ts';
import { PresenceMachine } from './presence.ts';
import { Rendition, renditionKey, type SharedStream } from './rendition.ts';
import { SourceError } from './source-error.ts';

/** See the top of the file. It owns the capture. */
export class SharedSource implements FrameSource, AsyncDisposable {
  readonly #capture: Capture;
  readonly #presence: PresenceMachine;
  readonly #watching: Disposable;
  readonly #renditions = new Map<string, Rendition>();
  readonly #watchers = new Set<(change: SourceChange) => void>();
  #modes: SourceModes;
  #ended: Promise<void> | undefined;

  constructor(capture: Capture) {
    this.#capture = capture;
    this.#presence = new PresenceMachine(capture.absent);
    this.#modes = capture.modes;
    this.#watching = capture.watch(() => this.#update(capture.absent));
  }

  get capabilities(): SourceModes {
    return this.#modes;
  }

  get controls(): ControlPort {
    return this.#capture.controls;
  }

  get presence(): SourcePresence {
    return this.#presence.state;
  }

  watch(listener: (change: SourceChange) => void): Disposable {
    const own = (change: SourceChange): void => listener(change);
    this.#watchers.add(own);
    return { [Symbol.dispose]: () => void this.#watchers.delete(own) };
  }

  /** Whether there can be other sources of the same camera with controls of their own. */
  get separable(): boolean {
    return this.#capture.separate !== undefined;
  }

  /** Such a source; it is disposed of before this one. */
  separate(): SharedSource {
    const capture = this.#capture.separate?.();
    if (capture === undefined) throw new SourceError(`camera ${this.#modes.card} has one set of controls for all`);
    return new SharedSource(capture);
  }

  start(wanted: WantedFrames, consumer: FrameConsumer): Disposable {
    const { numerator, denominator } = wanted.interval;
    if (!(numerator > 0 && denominator > 0)) {
      throw new SourceError(`an interval of ${numerator}/${denominator} s: it must be above 0`);
    }
    const stream: SharedStream = { consumer };
    const { state } = this.#presence;
    if (state.kind !== 'present') return refused(stream, state.reason);
    let rendition: Rendition;
    try {
      rendition = this.#rendition(wanted);
    } catch (error) {
      if (error instanceof NoMemoryError || error instanceof SourceBusyError) throw error;
      return refused(stream, `no such frames can be had: ${error instanceof Error ? error.message : String(error)}`);
    }
    rendition.streams.add(stream);
    return {
      [Symbol.dispose]: () => {
        if (rendition.streams.delete(stream) && rendition.streams.size === 0) this.#drop(rendition);
      },
    };
  }

  /** Ends all streams and the capture. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#ended ??= (async () => {
      this.#watching[Symbol.dispose]();
      this.#update('the source was closed');
      await this.#capture[Symbol.asyncDispose]();
    })();
    return this.#ended;
  }

  #rendition(wanted: WantedFrames): Rendition {
    const key = renditionKey(wanted);
    const present = this.#renditions.get(key);
    if (present !== undefined) return present;
    const rendition = new Rendition(this.#capture, wanted, (over, reason) => this.#end(over, reason));
    this.#renditions.set(key, rendition);
    return rendition;
  }

  #drop(rendition: Rendition): void {
    const key = renditionKey(rendition.wanted);
    if (this.#renditions.get(key) !== rendition) return;
    this.#renditions.delete(key);
    rendition.stop();
  }

  /** Tells the streams of a rendition that they are over. */
  #end(rendition: Rendition, reason: string): void {
    this.#drop(rendition);
    const streams = [...rendition.streams];
    rendition.streams.clear();
    for (const { consumer } of streams) consumer.lost(reason);
  }

  #update(absent: string | undefined): void {
    const edge = this.#presence.update(absent);
    const other = this.#takeModes();
    if (edge === undefined && !other) return;
    for (const rendition of [...this.#renditions.values()]) {
      if (absent !== undefined) this.#end(rendition, absent);
      else if (!brings(this.#modes, rendition.wanted)) this.#end(rendition, 'the source does not bring such frames any more');
    }
    for (const watcher of [...this.#watchers]) watcher(edge ?? 'modes');
  }

  /** True if the capture has other modes than before. */
  #takeModes(): boolean {
    const { modes } = this.#capture;
    if (modes === this.#modes) return false;
    this.#modes = modes;
    return true;
  }
}

function brings(modes: SourceModes, { layout }: WantedFrames): boolean {
  return modes.formats.includes(layout.fourcc) && hasSize(modes.sizes(layout.fourcc), layout);
}

/** A stream that gets nothing, and is told so in a later turn, when its start has returned. */
function refused(stream: SharedStream, reason: string): Disposable {
  let open = true;
  void Promise.resolve().then(() => {
    if (open) stream.consumer.lost(reason);
    open = false;
  });
  return {
    [Symbol.dispose]: () => {
      open = false;
    },
  };
}
