// SPDX-License-Identifier: Apache-2.0
/**
 * The source that devices share, over the capture of one camera. Streams that want the same frames have one start of the capture
 * and one frame between them:
 *
 *     capture ── rendition NV12 1920x1080, 1/30 s ── stream, stream
 *             └─ rendition RGB3 1920x1080, 1/30 s ── stream
 *                └─ converted: RGB3 640x360, 1/30 s ── stream, stream
 *
 * What the capture does not bring is made by a converter, where there is one: once for all who want the same, out of frames that the
 * capture brings, or of those that it brings already where it cannot bring others beside them.
 *
 * A capture that brings one mode at a time is begun again in a larger one for whoever asks for that, if all that runs can be made of it:
 * the streams go on, out of other frames. If no frame comes in the larger mode, it is begun again as it was.
 *
 * When the capture goes away, or cannot deliver such frames any more, the streams end; when it is there again, others can begin.
 */
import type { Fit } from '../picture/index.ts';
import {
  type Capture,
  type ControlPort,
  type Converter,
  DEFAULT_QUALITY,
  type FrameConsumer,
  NoMemoryError,
  SourceBusyError,
  type SourceChange,
  type SourceModes,
  type SourcePresence,
  type WantedFrames,
} from '../ports/index.ts';
import type { CameraSource } from './camera-source.ts';
import { brings, conversionBase, convertedModes, isLarger, readable } from './conversion-plan.ts';
import { PresenceMachine } from './presence.ts';
import {
  CapturedRendition,
  ConvertedRendition,
  intervalKey,
  type Rendition,
  renditionKey,
  type SharedStream,
} from './rendition.ts';
import { SourceError } from './source-error.ts';

/** See the top of the file. It owns the capture. */
export class SharedSource implements CameraSource {
  readonly #capture: Capture;
  readonly #converter: Converter | undefined;
  readonly #fit: Fit;
  readonly #presence: PresenceMachine;
  readonly #watching: Disposable;
  readonly #renditions = new Map<string, Rendition>();
  readonly #watchers = new Set<(change: SourceChange) => void>();
  /** the larger mode that the capture was begun in last, and what it was in before */
  #risen: { readonly rendition: Rendition; readonly before: WantedFrames } | undefined;
  /** larger modes in which no frame came */
  readonly #vain = new Set<string>();
  /** what the capture brings, and what is offered */
  #native: SourceModes;
  #modes: SourceModes;
  #ended: Promise<void> | undefined;

  /**
   * @param converter makes what the capture does not bring; it is not owned
   * @param fit how its pictures are shown in those of another shape
   */
  constructor(capture: Capture, converter?: Converter, fit: Fit = 'contain') {
    this.#capture = capture;
    this.#converter = converter;
    this.#fit = fit;
    this.#presence = new PresenceMachine(capture.absent);
    this.#native = capture.modes;
    this.#modes = this.#offered();
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

  get separable(): boolean {
    return this.#capture.separate !== undefined;
  }

  codes(fourcc: number): boolean {
    return this.#converter?.makes.includes(fourcc) === true;
  }

  canBring(wanted: WantedFrames): boolean {
    if (brings(this.#native, wanted)) return true;
    return this.#converter !== undefined && conversionBase(this.#native, this.#converter, wanted) !== undefined;
  }

  separate(): SharedSource {
    const capture = this.#capture.separate?.();
    if (capture === undefined) throw new SourceError(`camera ${this.#modes.card} has one set of controls for all`);
    return new SharedSource(capture, this.#converter, this.#fit);
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
    return this.#join(rendition, stream);
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

  #join(rendition: Rendition, stream: SharedStream): Disposable {
    rendition.streams.add(stream);
    stream.rendition = rendition;
    return {
      [Symbol.dispose]: () => {
        const { rendition: now } = stream;
        if (now?.streams.delete(stream) && now.streams.size === 0) this.#drop(now);
      },
    };
  }

  /** Frames that are shared already, or the capture's own, or converted ones. Throws what a start throws. */
  #rendition(asked: WantedFrames): Rendition {
    const { layout, interval } = asked;
    // What the camera codes has the camera's quality.
    const wanted = asked.quality !== undefined && brings(this.#native, asked) ? { layout, interval } : asked;
    const present = this.#renditions.get(renditionKey(wanted));
    if (present !== undefined) return present;
    // Without a converter it is the capture's to say what it brings.
    const converter = this.#converter;
    const base = converter && !brings(this.#native, wanted) ? conversionBase(this.#native, converter, wanted) : undefined;
    const from = this.#base(base ?? wanted, wanted);
    return from.wanted === wanted ? from : this.#converted(from, wanted);
  }

  /** Frames of the capture: these, or others that it brings already and that can be converted. */
  #base(best: WantedFrames, wanted: WantedFrames): Rendition {
    const present = this.#renditions.get(renditionKey(best));
    if (present !== undefined) return present;
    try {
      return this.#captured(best);
    } catch (error) {
      const other = error instanceof SourceBusyError ? (this.#raised(best) ?? this.#convertible(wanted)) : undefined;
      if (other === undefined) throw error;
      return other;
    }
  }

  /** The one start that there is of the capture, begun again in a larger mode, if all that runs can be made of that. */
  #raised(best: WantedFrames): Rendition | undefined {
    const converter = this.#converter;
    const all = [...this.#renditions.values()];
    const [only, second] = all.filter((rendition) => rendition instanceof CapturedRendition);
    if (converter === undefined || only === undefined || second !== undefined) return undefined;
    if (this.#vain.has(renditionKey(best)) || !isLarger(best.layout, only.wanted.layout)) return undefined;
    if (!readable(this.#native, converter).includes(best.layout.fourcc)) return undefined;
    const able = all.every(
      ({ wanted }) =>
        converter.makes.includes(wanted.layout.fourcc) && intervalKey(wanted.interval) === intervalKey(best.interval),
    );
    if (!able) return undefined;
    const rendition = this.#begunAgain(best);
    if (rendition === undefined) this.#vain.add(renditionKey(best));
    else this.#risen = { rendition, before: only.wanted };
    return rendition;
  }

  /**
   * Begins the capture in another mode, and makes all that runs of that; undefined if it does not begin, when all is as it was. Streams
   * for which there is no memory end.
   */
  #begunAgain(base: WantedFrames): Rendition | undefined {
    const old = [...this.#renditions.values()].map((rendition) => ({
      rendition,
      streams: [...rendition.streams].filter(({ consumer }) => !(consumer instanceof ConvertedRendition)),
    }));
    const before = old.find(({ rendition }) => rendition instanceof CapturedRendition)?.rendition.wanted ?? base;
    for (const { rendition } of old) this.#drop(rendition);
    const begin = (mode: WantedFrames): Rendition => {
      const from = this.#captured(mode);
      using _held = this.#join(from, { consumer: NOBODY });
      for (const { rendition, streams } of old) if (streams.length > 0) this.#goOn(from, rendition, streams);
      return from;
    };
    try {
      return begin(base);
    } catch (error) {
      if (!(error instanceof SourceBusyError || error instanceof NoMemoryError)) throw error;
    }
    try {
      begin(before);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      for (const { streams } of old) for (const { consumer } of streams) consumer.lost(reason);
    }
    return undefined;
  }

  /** Streams that a rendition has had get the same frames, made of those of another start. */
  #goOn(from: Rendition, old: Rendition, streams: readonly SharedStream[]): void {
    try {
      const same = renditionKey(from.wanted) === renditionKey(old.wanted);
      (same ? from : this.#converted(from, old.wanted)).follow(old, streams);
    } catch (error) {
      if (!(error instanceof NoMemoryError)) throw error;
      for (const stream of streams) old.streams.delete(stream);
      for (const { consumer } of streams) consumer.lost(error.message);
    }
  }

  /** A start of the capture ended by itself: it is begun again as it was before it rose, if no frame came since; else its streams end. */
  #captureEnded(rendition: Rendition, reason: string): void {
    const { rendition: risen, before } = this.#risen ?? {};
    const vain = risen === rendition && !rendition.begun && this.#presence.state.kind === 'present';
    if (risen === rendition) this.#risen = undefined;
    if (!vain || before === undefined || this.#renditions.get(renditionKey(rendition.wanted)) !== rendition) {
      this.#end(rendition, reason);
      return;
    }
    this.#vain.add(renditionKey(rendition.wanted));
    this.#begunAgain(before);
  }

  /** What the capture brings just now, at the wanted interval, that can be converted. */
  #convertible({ layout, interval }: WantedFrames): Rendition | undefined {
    const converter = this.#converter;
    const formats = converter?.makes.includes(layout.fourcc) ? readable(this.#native, converter) : [];
    return [...this.#renditions.values()].find(
      (rendition) =>
        rendition instanceof CapturedRendition &&
        formats.includes(rendition.wanted.layout.fourcc) &&
        intervalKey(rendition.wanted.interval) === intervalKey(interval),
    );
  }

  #captured(wanted: WantedFrames): Rendition {
    const rendition = new CapturedRendition(this.#capture, wanted, (over, reason) => this.#captureEnded(over, reason));
    this.#renditions.set(renditionKey(wanted), rendition);
    return rendition;
  }

  #converted(from: Rendition, wanted: WantedFrames): Rendition {
    try {
      const quality = wanted.quality ?? DEFAULT_QUALITY;
      const { colorimetry } = this.#native;
      const conversion = this.#converter?.open(from.wanted.layout, wanted.layout, colorimetry, quality, this.#fit);
      if (conversion === undefined) throw new SourceError('frames were to be converted without a converter');
      const rendition = new ConvertedRendition(conversion, wanted, (over, reason) => this.#end(over, reason));
      rendition.from = this.#join(from, { consumer: rendition });
      this.#renditions.set(renditionKey(wanted), rendition);
      return rendition;
    } finally {
      if (from.streams.size === 0) this.#drop(from);
    }
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
    this.#vain.clear();
    for (const rendition of [...this.#renditions.values()]) {
      if (absent !== undefined) this.#end(rendition, absent);
      else if (!brings(rendition instanceof CapturedRendition ? this.#native : this.#modes, rendition.wanted))
        this.#end(rendition, 'the source does not bring such frames any more');
    }
    for (const watcher of [...this.#watchers]) watcher(edge ?? 'modes');
  }

  /** True if the capture has other modes than before. */
  #takeModes(): boolean {
    const { modes } = this.#capture;
    if (modes === this.#native) return false;
    this.#native = modes;
    this.#modes = this.#offered();
    return true;
  }

  #offered(): SourceModes {
    return this.#converter === undefined ? this.#native : convertedModes(this.#native, this.#converter);
  }
}

/** Holds a rendition that nobody else may want just now. */
const NOBODY: FrameConsumer = { wantsFrame: () => false, frame: () => {}, lost: () => {} };

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
