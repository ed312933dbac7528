// SPDX-License-Identifier: Apache-2.0
import { ControlLock, EachSource, type FrameSource, type SharedSource, withControls } from '@paravideo/core';
import { ConfigError } from './config-error.ts';

/**
 * Whose the controls of a camera are. `each`: every guest has its own; `shared`: all set the same; `locked`: the first guest that sets
 * one has them until it is gone; `none`: the camera has none.
 */
export type ControlPolicy = 'each' | 'shared' | 'locked' | 'none';

/** A source as one guest has it, and its end. */
export type GuestSource = FrameSource & AsyncDisposable;

/** A source of the configuration, for all cameras that show it. It owns it. */
export class ConfiguredSource implements AsyncDisposable {
  readonly shared: SharedSource;
  #plain: SharedSource | undefined;

  constructor(shared: SharedSource) {
    this.shared = shared;
  }

  /** What guests with controls of their own share while they have set none. */
  get plain(): SharedSource {
    this.#plain ??= this.shared.separate();
    return this.#plain;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#plain?.[Symbol.asyncDispose]();
    await this.shared[Symbol.asyncDispose]();
  }
}

/** The source of a camera, for one guest after another. */
export class CameraControls {
  readonly policy: ControlPolicy;
  readonly #source: ConfiguredSource;
  readonly #lock = new ControlLock();

  /** `wanted` undefined: `each` where the source can, else `locked`. Throws `ConfigError`, with `field`, for what it cannot. */
  constructor(configured: ConfiguredSource, wanted: ControlPolicy | undefined, field: string) {
    const source = configured.shared;
    this.#source = configured;
    const able = source.separable || source.controls.declared.length === 0;
    if (wanted === 'each' && !able) {
      throw new ConfigError([`${field}.controls: the source has one set of controls for all: shared, locked or none`]);
    }
    this.policy = wanted ?? (able ? 'each' : 'locked');
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
