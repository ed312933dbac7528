// SPDX-License-Identifier: Apache-2.0
/** Every kind of source of raw frames, with a producer, for what holds for all of them. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Capture, SharedSource } from '@paravideo/core';
import type { Log } from '../../../log/index.ts';
import { commandAdapter, fifoAdapter, socketAdapter } from '../raw-adapters.ts';
import type { RawSettings } from '../raw-settings.ts';

/** The producer; its arguments but the first. */
export const PRODUCER = fileURLToPath(new URL('./producer-program.ts', import.meta.url));

/** The kinds whose producer can come again. */
export const KINDS = ['command', 'fifo', 'socket'] as const;

/** A source of a kind in a folder of its own, and its producers. */
export class KindRig implements AsyncDisposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'pv-raw-'));
  readonly told: string[] = [];
  readonly kind: (typeof KINDS)[number];
  readonly #children: ChildProcess[] = [];
  #source: SharedSource | undefined;
  #heard: (() => void)[] = [];

  constructor(kind: (typeof KINDS)[number]) {
    this.kind = kind;
  }

  get path(): string {
    return join(this.folder, 'frames');
  }

  get log(): Log {
    const tell = (fields: object, message: string): void => {
      this.told.push(`${message} ${JSON.stringify(fields)}`);
      for (const heard of this.#heard.splice(0)) heard();
    };
    return { debug: tell, info: tell, warn: tell, error: tell };
  }

  /** Resolves to the first line of the log with such words. */
  async line(words: string | RegExp, after = 0): Promise<string> {
    for (;;) {
      const line = this.told.slice(after).find((each) => (typeof words === 'string' ? each.includes(words) : words.test(each)));
      if (line !== undefined) return line;
      await new Promise<void>((resolve) => this.#heard.push(resolve));
    }
  }

  /** Opens the source; `command` is what a command is, the producer with these arguments unless told. */
  async open(settings: RawSettings & { keep?: boolean } = {}, command: string[] = this.command('y4m')): Promise<SharedSource> {
    const { keep, ...rest } = settings;
    const { log } = this;
    const capture: Capture = await (this.kind === 'command'
      ? commandAdapter.open({ ...rest, command, keep, folder: this.folder }, { log })
      : this.kind === 'fifo'
        ? fifoAdapter.open({ ...rest, fifo: this.path }, { log })
        : socketAdapter.open({ ...rest, socket: this.path }, { log }));
    this.#source = new SharedSource(capture);
    return this.#source;
  }

  /** The producer as a command, whose last argument is the folder. */
  command(how: string, size = '64x48', every = 5, count = Number.POSITIVE_INFINITY): string[] {
    return [process.execPath, '--no-warnings', PRODUCER, '-', how, size, String(every), String(count), this.folder];
  }

  /** Starts a producer from outside; nothing for a command, which is started by the source. */
  produce(how = 'y4m', size = '64x48', every = 5, count = Number.POSITIVE_INFINITY): ChildProcess | undefined {
    if (this.kind === 'command') return undefined;
    const args = ['--no-warnings', PRODUCER, `${this.kind}:${this.path}`, how, size, String(every), String(count)];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit'] });
    this.#children.push(child);
    return child;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#source?.[Symbol.asyncDispose]();
    for (const child of this.#children) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    }
    rmSync(this.folder, { recursive: true });
  }
}

/** Resolves when a source is there, or is not. */
export async function untilPresent(source: SharedSource, there = true): Promise<void> {
  while ((source.presence.kind === 'present') !== there) {
    const { promise, resolve } = Promise.withResolvers<void>();
    using _watching = source.watch(() => resolve());
    await promise;
  }
}

/** Processes whose command line has these words, those that have ended and were not waited for left out. */
export function processesOf(words: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ').includes(words);
      } catch {
        return false;
      }
    })
    .map(Number);
}
