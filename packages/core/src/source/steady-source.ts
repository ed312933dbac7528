// SPDX-License-Identifier: Apache-2.0
/**
 * A source that stays there whatever becomes of its camera. While the camera is away its streams go on with a stand-in, a picture that
 * says that there is no signal; when it comes back they show it again. It may be given another camera at any time:
 *
 *     SharedSource of a camera ─┐
 *     SharedSource of another  ─┼─ show ─▶ SteadySource ── stream of a guest, of another guest
 *     SharedSource of stand-in ─┘
 *
 * Frames are shared and converted below it, so that a stream keeps its layout and interval whoever brings the frames. A stream that has
 * neither a camera nor a stand-in for its layout (of a format that nobody here codes) ends as that of any camera that went.
 */
import type {
  Clock,
  ControlPort,
  FrameConsumer,
  SourceChange,
  SourceModes,
  SourcePresence,
  WantedFrames,
} from '../ports/index.ts';
import type { CameraSource } from './camera-source.ts';
import { SourceError } from './source-error.ts';
import { SteadyStream } from './steady-stream.ts';

/** How a steady source is set up. */
export interface SteadySourceOptions {
  /** brings the pictures while there is no signal, in all that a stream may want; it is owned */
  readonly standIn: CameraSource;
  readonly clock: Clock;
  /** What it offers as long as its camera was never there. */
  readonly expected: SourceModes;
  /** It offers this always, whatever its cameras have, and no controls of theirs. */
  readonly fixed?: { readonly modes: SourceModes; readonly controls: ControlPort } | undefined;
}

/** See the top of the file. It owns no camera: those are disposed of after it. */
export class SteadySource implements CameraSource {
  readonly separable = false;
  readonly #o: SteadySourceOptions;
  readonly #streams = new Set<SteadyStream>();
  readonly #watchers = new Set<(change: SourceChange) => void>();
  #camera: CameraSource;
  #watching: Disposable;
  #modes: SourceModes;
  #noSignal: string | undefined;
  #ended: Promise<void> | undefined;

  constructor(camera: CameraSource, o: SteadySourceOptions) {
    this.#o = o;
    this.#camera = camera;
    this.#watching = camera.watch(() => this.#changed());
    this.#modes = this.#offered();
    this.#noSignal = this.#missing();
  }

  get capabilities(): SourceModes {
    return this.#modes;
  }

  /** It is always there. */
  get presence(): SourcePresence {
    return { kind: 'present', noSignal: this.#noSignal };
  }

  get controls(): ControlPort {
    return this.#o.fixed?.controls ?? this.#camera.controls;
  }

  watch(listener: (change: SourceChange) => void): Disposable {
    const own = (change: SourceChange): void => listener(change);
    this.#watchers.add(own);
    return { [Symbol.dispose]: () => void this.#watchers.delete(own) };
  }

  /** Shows another camera from now on. Streams leave the old one with the first frame of the new, or soon if that brings none. */
  show(camera: CameraSource): void {
    if (camera === this.#camera || this.#ended !== undefined) return;
    this.#watching[Symbol.dispose]();
    this.#camera = camera;
    this.#watching = camera.watch(() => this.#changed());
    this.#changed();
  }

  separate(): never {
    throw new SourceError(`camera ${this.#modes.card} has one set of controls for all`);
  }

  codes(fourcc: number): boolean {
    return this.#camera.codes(fourcc);
  }

  canBring(wanted: WantedFrames): boolean {
    return this.#camera.canBring(wanted) || this.#o.standIn.canBring(wanted);
  }

  start(wanted: WantedFrames, consumer: FrameConsumer): Disposable {
    const { standIn, clock } = this.#o;
    const ended = (): void => void this.#streams.delete(stream);
    const stream = new SteadyStream(this.#camera, { wanted, consumer, standIn, clock, ended });
    this.#streams.add(stream);
    return stream;
  }

  /** Ends all streams and the stand-in. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#ended ??= (async () => {
      this.#watching[Symbol.dispose]();
      for (const stream of [...this.#streams]) stream.end('the source was closed');
      await this.#o.standIn[Symbol.asyncDispose]();
    })();
    return this.#ended;
  }

  /** The camera came, went, or brings other frames; or it is another one. Streams that ended by that know it already. */
  #changed(): void {
    const modes = this.#offered();
    const noSignal = this.#missing();
    const change = modes !== this.#modes ? 'modes' : noSignal !== this.#noSignal ? 'signal' : undefined;
    this.#modes = modes;
    this.#noSignal = noSignal;
    for (const stream of [...this.#streams]) stream.turn(this.#camera);
    if (change !== undefined) for (const watcher of [...this.#watchers]) watcher(change);
  }

  #offered(): SourceModes {
    const { fixed, expected } = this.#o;
    if (fixed !== undefined) return fixed.modes;
    return this.#camera.presence.kind === 'absent' ? expected : this.#camera.capabilities;
  }

  /** Why there is no signal; undefined while there is one. */
  #missing(): string | undefined {
    const { presence } = this.#camera;
    return presence.kind === 'present' ? presence.noSignal : presence.reason;
  }
}
