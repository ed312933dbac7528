// SPDX-License-Identifier: Apache-2.0
import {
  type CameraSource,
  type Capture,
  type Clock,
  type Converter,
  intervalOf,
  NO_CONTROLS,
  SharedSource,
  SourceError,
  SteadySource,
  type SteadySourceOptions,
} from '@paravideo/core';
import { NoSignal, patternAdapter } from '../sources/index.ts';
import { ConfiguredSource } from './camera-controls.ts';
import { ChosenFile } from './chosen-file.ts';
import type { AdaptedSource, ChoiceSource, SourceConfig } from './config.ts';
import { ConfigError } from './config-error.ts';
import type { Logger } from './logger.ts';
import { SourceChoice } from './source-choice.ts';

/** The source that is there without being declared. */
const PATTERN: SourceConfig = { kind: 'adapted', adapter: patternAdapter, settings: {}, absent: 'error', fit: 'contain' };

/** What sources are opened with. */
export interface SourceOptions {
  readonly log: Logger;
  readonly clock: Clock;
  readonly converter: Converter | undefined;
  /** what is played into an output */
  played(output: string): Capture;
}

/** The sources that cameras of a configuration show. Each is opened once, however many cameras and choices show it. */
export class ConfiguredSources implements AsyncDisposable {
  /** by the name of the source */
  readonly choices = new Map<string, SourceChoice>();
  readonly #declared: Readonly<Record<string, SourceConfig>>;
  readonly #o: SourceOptions;
  readonly #parts = new AsyncDisposableStack();
  readonly #noSignal: NoSignal;
  readonly #opened = new Map<string, SharedSource>();
  readonly #configured = new Map<string, ConfiguredSource>();

  private constructor(declared: Readonly<Record<string, SourceConfig>>, o: SourceOptions) {
    this.#declared = declared;
    this.#o = o;
    this.#noSignal = this.#parts.use(new NoSignal(o));
  }

  /** Opens what is wanted, by name, and what that shows. Throws `ConfigError` for what cannot be had. */
  static async open(
    declared: Readonly<Record<string, SourceConfig>>,
    wanted: ReadonlySet<string>,
    o: SourceOptions,
  ): Promise<ConfiguredSources> {
    const sources = new ConfiguredSources(declared, o);
    try {
      for (const name of wanted) {
        sources.#configured.set(name, sources.#parts.use(new ConfiguredSource(await sources.#source(name))));
      }
      return sources;
    } catch (error) {
      await sources[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** One of those that were wanted. */
  named(name: string): ConfiguredSource {
    const source = this.#configured.get(name);
    if (source === undefined) throw new RangeError(`source ${name} was not opened`);
    return source;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#parts.disposeAsync();
  }

  async #source(name: string): Promise<CameraSource> {
    const config = this.#declared[name] ?? PATTERN;
    if (config.kind === 'choice') return await this.#chosen(name, config);
    const shared = await this.#shared(name, config);
    if (config.absent === 'error') return shared;
    const { adapter, settings } = config;
    const { card } = shared.capabilities;
    const { size, interval } = adapter.expected?.(settings) ?? {};
    return this.#steady(shared, card, { expected: this.#noSignal.modes(card, size, interval) });
  }

  /** What an adapter opens, and converted; once for each name. */
  async #shared(name: string, { adapter, settings, fit }: AdaptedSource): Promise<SharedSource> {
    const there = this.#opened.get(name);
    if (there !== undefined) return there;
    const { converter, played } = this.#o;
    try {
      const capture = await adapter.open(settings, { log: this.#o.log.child({ source: name }), played });
      const shared = this.#parts.use(new SharedSource(capture, converter, fit));
      this.#opened.set(name, shared);
      return shared;
    } catch (error) {
      if (error instanceof SourceError) throw new ConfigError([`sources.${name}: ${error.message}`]);
      throw error;
    }
  }

  async #chosen(name: string, { settings }: ChoiceSource): Promise<CameraSource> {
    const members = new Map<string, CameraSource>();
    for (const member of settings.choice) {
      const config = this.#declared[member] ?? PATTERN;
      if (config.kind !== 'choice') members.set(member, await this.#shared(member, config));
    }
    const [first] = members.values();
    if (first === undefined) throw new ConfigError([`sources.${name}.choice names no source`]);
    const card = settings.card ?? name;
    const modes = this.#noSignal.modes(card, settings.size, settings.fps === undefined ? undefined : intervalOf(settings.fps));
    const steady = this.#steady(first, card, { expected: modes, fixed: { modes, controls: NO_CONTROLS } });
    const log = this.#o.log.child({ source: name });
    const choice = new SourceChoice(name, members, steady, log);
    this.choices.set(name, choice);
    if (settings.chosen !== undefined) this.#parts.use(await ChosenFile.open(settings.chosen, choice, log));
    return steady;
  }

  #steady(camera: CameraSource, card: string, modes: Pick<SteadySourceOptions, 'expected' | 'fixed'>): SteadySource {
    const standIn = new SharedSource(this.#noSignal.capture(card));
    return this.#parts.use(new SteadySource(camera, { standIn, clock: this.#o.clock, ...modes }));
  }
}
