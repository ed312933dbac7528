// SPDX-License-Identifier: Apache-2.0
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AgentLink } from './agent-link.ts';
import { GuestError } from './guest-error.ts';
import { withTimeout } from './patience.ts';

/** What a script in the guest did. */
export interface ScriptResult {
  /** exit status; 128 and more: the signal that ended it */
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly millis: number;
}

/** Where scripts run. */
export interface ScriptPlace {
  readonly link: AgentLink;
  /** folder here that the guest sees as /mnt */
  readonly share: string;
  /** false once nobody is there to be told anything */
  readonly running: () => boolean;
  /** called when something failed: keeps what tells why, and says where it is */
  readonly keep: () => string;
}

export const SCRIPT_TIMEOUT = 800_000;

/** Runs scripts in a guest, one after another or at once. They and what they say pass through the shared folder. */
export class Scripts {
  readonly #place: ScriptPlace;
  #count = 0;

  constructor(place: ScriptPlace) {
    this.#place = place;
    mkdirSync(join(place.share, 'jobs'), { recursive: true });
  }

  /**
   * Runs a shell script. One that takes longer than `timeout` milliseconds is killed with all its children, and `GuestError` is thrown;
   * so it is when the guest dies.
   */
  async run(script: string, timeout = SCRIPT_TIMEOUT): Promise<ScriptResult> {
    const { link, share, running, keep } = this.#place;
    const id = ++this.#count;
    const folder = join(share, 'jobs', String(id));
    mkdirSync(folder);
    writeFileSync(join(folder, 'script'), script);
    const read = (name: string) => (existsSync(join(folder, name)) ? readFileSync(join(folder, name), 'utf8') : '');
    const started = performance.now();
    try {
      const status = await withTimeout(link.run(id), timeout, () => {
        if (running()) link.send(`kill ${id}`);
        return `the script took more than ${timeout / 1000} s: ${summary(script)}\n${read('stdout')}${read('stderr')}see ${keep()}`;
      });
      return { status, stdout: read('stdout'), stderr: read('stderr'), millis: performance.now() - started };
    } catch (error) {
      keep();
      throw error;
    }
  }

  /** Runs a script that has to succeed and returns its standard output. Throws `GuestError` with its output otherwise. */
  async must(script: string, timeout = SCRIPT_TIMEOUT): Promise<string> {
    const { status, stdout, stderr } = await this.run(script, timeout);
    if (status === 0) return stdout;
    throw new GuestError(`status ${status} of ${summary(script)}\n${stdout}${stderr}see ${this.#place.keep()}`);
  }
}

/** The first line of a script that says something. */
function summary(script: string): string {
  const lines = script.split('\n').filter((line) => line.trim() !== '');
  return lines.length > 1 ? `${lines[0]} …` : (lines[0] ?? '');
}
