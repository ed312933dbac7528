// SPDX-License-Identifier: Apache-2.0
/**
 * A file that says which source of a choice is shown: it holds the name, and may be written, or replaced by another, at any time. It is
 * made if it is not there.
 */
import { constants, type FSWatcher, watch, writeFileSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { ConfigError } from './config-error.ts';
import type { Logger } from './logger.ts';
import type { SourceChoice } from './source-choice.ts';

/** Bytes of such a file that are read. */
const MOST = 256;

/** See the top of the file. */
export class ChosenFile implements AsyncDisposable {
  readonly #path: string;
  readonly #choice: SourceChoice;
  readonly #log: Logger;
  readonly #watcher: FSWatcher;
  #reading: Promise<void> | undefined;
  /** it was written again while it was read */
  #again = false;
  /** what it said last that was no name */
  #refused = '';

  private constructor(path: string, choice: SourceChoice, log: Logger) {
    this.#path = path;
    this.#choice = choice;
    this.#log = log;
    const name = basename(path);
    this.#watcher = watch(dirname(path), { persistent: false }, (_event, changed) => {
      if (changed === name || changed === null) this.#changed();
    });
    this.#watcher.on('error', (error) => log.warn({ path, error: error.message }, 'a file that chooses a source is not watched'));
  }

  /** Resolves when the choice is what the file says. Throws `ConfigError` if it can be neither read nor made. */
  static async open(path: string, choice: SourceChoice, log: Logger): Promise<ChosenFile> {
    try {
      writeFileSync(path, `${choice.chosen}\n`, { flag: 'wx', mode: 0o600 });
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'EEXIST') throw new ConfigError([`sources.${choice.name}.chosen: ${path} cannot be made (${code})`]);
    }
    const file = new ChosenFile(path, choice, log);
    await file.#changed();
    return file;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#watcher.close();
    await this.#reading;
  }

  #changed(): Promise<void> {
    if (this.#reading === undefined) {
      this.#reading = this.#follow().finally(() => {
        this.#reading = undefined;
      });
    } else this.#again = true;
    return this.#reading;
  }

  async #follow(): Promise<void> {
    do {
      this.#again = false;
      const name = await this.#read();
      // Whoever writes it may have emptied it first.
      if (name !== '') this.#choose(name);
    } while (this.#again);
  }

  #choose(name: string): void {
    if (this.#choice.members.includes(name)) {
      this.#refused = '';
      this.#choice.choose(name);
    } else if (name !== this.#refused) {
      this.#refused = name;
      const remedy = `write one of ${this.#choice.members.join(', ')}`;
      this.#log.warn({ path: this.#path, name, remedy }, 'there is no such source to choose');
    }
  }

  /** What it says; empty if it says nothing, or cannot be read just now. */
  async #read(): Promise<string> {
    let file: FileHandle | undefined;
    try {
      // A FIFO without a writer does not hold this up.
      file = await open(this.#path, constants.O_RDONLY | constants.O_NONBLOCK);
      if (!(await file.stat()).isFile()) return '';
      const { buffer, bytesRead } = await file.read(Buffer.alloc(MOST), 0, MOST, 0);
      return buffer.toString('utf8', 0, bytesRead).trim();
    } catch {
      return '';
    } finally {
      await file?.close();
    }
  }
}
