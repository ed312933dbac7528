// SPDX-License-Identifier: Apache-2.0
import type { CameraSource, SteadySource } from '@paravideo/core';
import { ConfigError } from './config-error.ts';
import type { Logger } from './logger.ts';

/** A source of the configuration that shows one of several others, at first the first. Whoever runs the daemon says which. */
export class SourceChoice {
  readonly name: string;
  readonly #members: ReadonlyMap<string, CameraSource>;
  readonly #shown: SteadySource;
  readonly #log: Logger;
  #chosen: string;

  /** @param members by their names; the first is what `shown` shows */
  constructor(name: string, members: ReadonlyMap<string, CameraSource>, shown: SteadySource, log: Logger) {
    this.name = name;
    this.#members = members;
    this.#shown = shown;
    this.#log = log;
    this.#chosen = [...members.keys()][0] ?? '';
  }

  /** names of the sources that there are to choose from */
  get members(): readonly string[] {
    return [...this.#members.keys()];
  }

  /** name of the source that is shown */
  get chosen(): string {
    return this.#chosen;
  }

  /** Shows another of its sources from now on, to all guests. Throws `ConfigError` for one that is none of them. */
  choose(member: string): void {
    const source = this.#members.get(member);
    if (source === undefined) {
      throw new ConfigError([`${this.name} has no source ${member} to choose: there are ${this.members.join(', ')}`]);
    }
    if (member === this.#chosen) return;
    this.#chosen = member;
    this.#log.info({ choice: this.name, chosen: member }, 'another source is shown');
    this.#shown.show(source);
  }
}
