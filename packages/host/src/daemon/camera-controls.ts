// SPDX-License-Identifier: Apache-2.0
import { type CameraSource, ControlLock, EachSource, type FrameSource, fixedControls, withControls } from '@paravideo/core';
import { ConfigError } from './config-error.ts';
import { keepValues, valuesById, type WrittenValues } from './fixed-values.ts';
import type { Logger } from './logger.ts';

/**
 * Whose the controls of a camera are. `each`: every guest has its own; `shared`: all set the same; `locked`: the first guest that sets
 * one has them until it is gone; `fixed`: the configuration's, which guests read; `none`: the camera has none.
 */
export const CONTROL_POLICIES = ['each', 'shared', 'locked', 'fixed', 'none'] as const;
/** One of them. */
export type ControlPolicy = (typeof CONTROL_POLICIES)[number];

/** A source as one guest has it, and its end. */
export type GuestSource = FrameSource & AsyncDisposable;

/** A source of the configuration, for all cameras that show it. It owns it. */
export class ConfiguredSource implements AsyncDisposable {
  readonly shared: CameraSource;
  readonly #separate: CameraSource[] = [];
  #plain: CameraSource | undefined;
  /** the first camera whose guests set the controls of `shared`, the first that has them fixed, and the one that gives them values */
  #open: string | undefined;
  #fixed: string | undefined;
  #valued: string | undefined;

  constructor(shared: CameraSource) {
    this.shared = shared;
  }

  /** What guests with controls of their own share while they have set none. */
  get plain(): CameraSource {
    this.#plain ??= this.separate();
    return this.#plain;
  }

  /** The same camera with controls of its own, as long as there is this source. */
  separate(): CameraSource {
    const source = this.shared.separate();
    this.#separate.push(source);
    return source;
  }

  /**
   * The guests of the camera `field` set the controls of `shared`, or its configuration does. Throws `ConfigError` where another
   * camera's configuration says something else.
   */
  claim(field: string, by: 'guests' | 'configuration', values: WrittenValues): void {
    if (by === 'guests') this.#open ??= field;
    else this.#fixed ??= field;
    const all = 'the source has one set of controls for all';
    if (this.#open !== undefined && this.#fixed !== undefined) {
      throw new ConfigError([`${this.#open}.controls: ${all}, and ${this.#fixed} has them fixed: fixed or none`]);
    }
    if (Object.keys(values).length === 0) return;
    if (this.#valued !== undefined)
      throw new ConfigError([`${field}.set: ${all}, and ${this.#valued} sets them: leave this out`]);
    this.#valued = field;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#separate.map((source) => source[Symbol.asyncDispose]()));
    await this.shared[Symbol.asyncDispose]();
  }
}

/** What a configuration says of the controls of a camera. */
export interface ControlSettings {
  /** undefined: `each` where the source can, else `locked` */
  readonly controls?: ControlPolicy | undefined;
  /** values of `fixed` controls, by name */
  readonly set?: WrittenValues | undefined;
}

/** The source of a camera, for one guest after another. */
export class CameraControls {
  readonly policy: ControlPolicy;
  readonly #source: ConfiguredSource;
  readonly #lock = new ControlLock();
  /** the source of guests that set nothing */
  readonly #fixed: CameraSource;

  /** Throws `ConfigError`, with `field`, for what the source cannot do. */
  constructor(configured: ConfiguredSource, { controls: wanted, set = {} }: ControlSettings, field: string, log: Logger) {
    const source = configured.shared;
    this.#source = configured;
    const able = source.separable || source.controls.declared.length === 0;
    if (wanted === 'each' && !able) {
      throw new ConfigError([`${field}.controls: the source has one set of controls for all: shared, locked, fixed or none`]);
    }
    this.policy = wanted ?? (able ? 'each' : 'locked');
    this.#fixed = source;
    if (this.policy === 'fixed') {
      const values = valuesById(source.controls.declared, set, field);
      if (source.separable) this.#fixed = values.size === 0 ? configured.plain : configured.separate();
      else configured.claim(field, 'configuration', set);
      keepValues(this.#fixed, values, log);
    } else if (!able && this.policy !== 'none') configured.claim(field, 'guests', {});
  }

  /** The source for a guest that connected. */
  forGuest(): GuestSource {
    const { shared } = this.#source;
    switch (this.policy) {
      case 'each': {
        if (!shared.separable) return borrowed(shared, () => {});
        return new EachSource(this.#source.plain, () => shared.separate());
      }
      case 'locked': {
        const guarded = this.#lock.guard(shared.controls);
        return borrowed(withControls(shared, guarded), () => guarded[Symbol.dispose]());
      }
      case 'fixed':
        return borrowed(withControls(this.#fixed, fixedControls(this.#fixed.controls)), () => {});
      case 'shared':
      case 'none':
        return borrowed(shared, () => {});
    }
  }
}

/** A source that a guest borrows: disposing of it calls `end` and leaves the source itself alone. */
function borrowed(source: FrameSource, end: () => void): GuestSource {
  return Object.assign(withControls(source, source.controls), { [Symbol.asyncDispose]: async () => end() });
}
