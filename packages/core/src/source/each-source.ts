// SPDX-License-Identifier: Apache-2.0
/**
 * A source as one guest has it, whose controls are its own. A guest that changed none shares its frames with the others; one that
 * did has a capture of its own:
 *
 *     shared --a control becomes another than declared--> own --a stream starts while all are as declared--> shared
 *
 * A stream that runs meanwhile goes over with the first frame that is made for it alone, and counts on.
 */
import type {
  ControlPort,
  FrameConsumer,
  FrameSource,
  SourceChange,
  SourceControl,
  SourceModes,
  SourcePresence,
  WantedFrames,
} from '../ports/index.ts';
import { MovingStream } from './moving-stream.ts';
import { SourceError } from './source-error.ts';

/** A source and its end. */
export type OwnedSource = FrameSource & AsyncDisposable;

/** See the top of the file. Disposing of it ends what this guest has for itself. */
export class EachSource implements FrameSource, AsyncDisposable {
  readonly controls: ControlPort;
  readonly #shared: FrameSource;
  readonly #separate: () => OwnedSource;
  readonly #streams = new Set<MovingStream>();
  readonly #listeners = new Set<(id: number, value: number) => void>();
  readonly #ending = new Set<Promise<void>>();
  #own: OwnedSource | undefined;

  /**
   * @param shared the source of those who changed nothing: nobody sets its controls
   * @param separate makes a source of the same camera with controls of its own, as they are declared
   */
  constructor(shared: FrameSource, separate: () => OwnedSource) {
    this.#shared = shared;
    this.#separate = separate;
    const port = (): ControlPort => (this.#own ?? shared).controls;
    this.controls = {
      get declared() {
        return port().declared;
      },
      get: (id) => (this.#own === undefined ? declaredValue(this.#declared(id)) : this.#own.controls.get(id)),
      set: (id, value) => this.#set(id, value),
      onChange: (listener) => {
        const own = (id: number, value: number): void => listener(id, value);
        this.#listeners.add(own);
        const listening = shared.controls.onChange((id, value) => {
          if (this.#own === undefined) own(id, value);
        });
        return {
          [Symbol.dispose]: () => {
            this.#listeners.delete(own);
            listening[Symbol.dispose]();
          },
        };
      },
    };
  }

  get capabilities(): SourceModes {
    return this.#shared.capabilities;
  }

  get presence(): SourcePresence {
    return this.#shared.presence;
  }

  /** True while this guest has a capture of its own. */
  get separated(): boolean {
    return this.#own !== undefined;
  }

  watch(listener: (change: SourceChange) => void): Disposable {
    return this.#shared.watch(listener);
  }

  start(wanted: WantedFrames, consumer: FrameConsumer): Disposable {
    if (this.#streams.size === 0 && this.#asDeclared()) this.#rejoin();
    const stream = new MovingStream(this.#own ?? this.#shared, wanted, consumer, () => this.#streams.delete(stream));
    this.#streams.add(stream);
    return stream;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const stream of [...this.#streams]) stream[Symbol.dispose]();
    this.#rejoin();
    await Promise.all(this.#ending);
  }

  #set(id: number, value: number): number | Promise<number> {
    const control = this.#declared(id);
    if (this.#own === undefined && control.type !== 'button' && value === control.default) return 0;
    const own = this.#own ?? this.#separated();
    const answered = (errno: number): number => {
      // It may have been given up while it was asked.
      if (errno === 0 && this.#own === own) for (const stream of this.#streams) stream.move(own);
      return errno;
    };
    const answer = own.controls.set(id, value);
    return typeof answer === 'number' ? answered(answer) : answer.then(answered);
  }

  #declared(id: number): SourceControl {
    const control = this.controls.declared.find((each) => each.id === id);
    if (control === undefined) {
      throw new SourceError(`control 0x${id.toString(16)} is not one of this source's: ask only for declared ones`);
    }
    return control;
  }

  #asDeclared(): boolean {
    return this.controls.declared.every((control) => this.controls.get(control.id) === declaredValue(control));
  }

  #separated(): OwnedSource {
    const own = this.#separate();
    own.controls.onChange((id, value) => {
      for (const listener of [...this.#listeners]) listener(id, value);
    });
    this.#own = own;
    return own;
  }

  #rejoin(): void {
    const own = this.#own;
    this.#own = undefined;
    if (own === undefined) return;
    const ending: Promise<void> = Promise.resolve(own[Symbol.asyncDispose]()).then(() => void this.#ending.delete(ending));
    this.#ending.add(ending);
  }
}

function declaredValue(control: SourceControl): number {
  return control.type === 'button' ? 0 : control.default;
}
