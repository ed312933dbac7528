// SPDX-License-Identifier: Apache-2.0
/**
 * What is played as YUV4MPEG2 on the standard input of a program, which runs while a guest plays: a window, an encoder, anything.
 *
 *     idle --a guest plays--> running --it stops: end of input--> ending --the program is gone--> idle
 */
import { resolve } from 'node:path';
import type { Frame, PlayedPicture } from '@paravideo/core';
import { z } from 'zod';
import { CommandProcess, heard } from '../sources/raw-frames/index.ts';
import { RECORDED_FORMATS, Recorder, recordedBytes } from './recorder/index.ts';
import type { OutputSink, SinkAdapter, SinkParts, SinkPlay } from './sink-adapter.ts';

/** Milliseconds that a program has to end after the end of its input. */
const END_WITHIN = 5000;
/** Milliseconds from one start to the next, at least: a guest can begin to play as often as it likes. */
const START_EVERY = 1000;

/** See CONFIG.md. */
export interface CommandSinkSettings {
  readonly command: string[];
  readonly folder?: string | undefined;
}

class CommandSink implements OutputSink {
  readonly formats = RECORDED_FORMATS;
  readonly frameBytes = recordedBytes;
  readonly #command: readonly string[];
  readonly #folder: string;
  readonly #parts: SinkParts;
  readonly #recorder: Recorder;
  #last: CommandPlay | undefined;
  #started = Number.NEGATIVE_INFINITY;

  constructor({ command, folder = '.' }: CommandSinkSettings, parts: SinkParts) {
    this.#command = command;
    this.#folder = resolve(folder);
    this.#parts = parts;
    this.#recorder = new Recorder({ kind: 'y4m', log: parts.log, copies: parts.copies, waits: true });
  }

  begin(picture: PlayedPicture): SinkPlay {
    const before = this.#last?.gone ?? Promise.resolve();
    const play = new CommandPlay(this.#parts.log, (ended) => {
      this.#started = performance.now();
      const process = new CommandProcess({
        command: this.#command,
        folder: this.#folder,
        stream: 'input',
        stderr: heard((text) => this.#parts.log.warn({ command: this.#command[0], text }, 'a command wrote to stderr')),
      });
      return { process, recording: this.#recorder.record(picture, { output: process.stream, ended }) };
    });
    this.#last = play;
    void before.then(() => play.startIn(this.#started + START_EVERY - performance.now()));
    return play;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#last?.end();
    await this.#last?.gone;
    await this.#recorder[Symbol.asyncDispose]();
  }
}

interface StartedCommand {
  readonly process: CommandProcess;
  readonly recording: SinkPlay;
}

/** What is played once, and the program that it goes to. */
class CommandPlay implements SinkPlay {
  /** settled when nothing of it is left */
  readonly gone: Promise<void>;
  readonly #log: SinkParts['log'];
  readonly #start: (ended: () => void) => StartedCommand;
  readonly #over = Promise.withResolvers<void>();
  #running: StartedCommand | undefined;
  #waiting: NodeJS.Timeout | undefined;
  #alarm: NodeJS.Timeout | undefined;
  #open = true;

  constructor(log: SinkParts['log'], start: (ended: () => void) => StartedCommand) {
    this.#log = log;
    this.#start = start;
    this.gone = this.#over.promise;
  }

  /** Starts the program in so many milliseconds, unless nothing is played any more. */
  startIn(wait: number): void {
    if (this.#open) this.#waiting = setTimeout(() => this.#begin(), Math.max(0, wait));
  }

  wantsFrame(): boolean {
    return this.#open && this.#running?.recording.wantsFrame() === true;
  }

  frame(frame: Frame): void {
    this.#running?.recording.frame(frame);
  }

  end(): void {
    if (!this.#open) return;
    this.#open = false;
    clearTimeout(this.#waiting);
    if (this.#running === undefined) return this.#over.resolve();
    this.#running.recording.end();
    // One that does not read is in the way of its own end of input.
    this.#alarm = setTimeout(() => void this.#running?.process.stop(), END_WITHIN);
  }

  #begin(): void {
    const written = Promise.withResolvers<void>();
    try {
      this.#running = this.#start(written.resolve);
    } catch (error) {
      this.#log.warn({ reason: (error as Error).message }, 'a command could not be started');
      return this.end();
    }
    const { process, recording } = this.#running;
    void process.gone.then(async (reason) => {
      if (this.#open) this.#log.warn({ reason }, 'a command to which frames go has ended');
      else this.#log.debug({ reason }, 'a command has ended with what was played');
      this.#open = false;
      clearTimeout(this.#alarm);
      recording.end();
      await written.promise;
      this.#over.resolve();
    });
  }
}

/** A program that the daemon runs, by its name and arguments. */
export const commandSinkAdapter: SinkAdapter<CommandSinkSettings> = {
  kind: 'command',
  settings: z.strictObject({
    command: z.array(z.string().regex(/^[^\0]*$/, 'has a NUL')).min(1),
    folder: z.string().min(1).optional(),
  }),
  anchored: (settings, anchor) => ({ ...settings, folder: anchor(settings.folder ?? '.') }),
  open: (settings, parts) => new CommandSink(settings, parts),
};
