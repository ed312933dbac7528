// SPDX-License-Identifier: Apache-2.0
/**
 * The program of a configuration as a producer, which is started when somebody streams.
 *
 *     idle --streaming--> running --ended by itself--> waiting --pause is over--> running, if somebody streams; else idle
 *      ^                     `--nobody has streamed for a while--> stopping --gone--> idle, or running again
 *      `--- the camera is there in idle and running; one whose program brought nothing is not there while it waits
 *
 * A program that brought frames and ended is started again under the streams that there are, which miss frames.
 */
import { Backoff } from '../../isolation/child/index.ts';
import { CommandProcess, heard } from './command-process.ts';
import type { Origin, OriginHost } from './origin.ts';
import type { Producer, ProducerEnd } from './producer.ts';
import { pipeInput } from './stream-input.ts';

/** Milliseconds for which a program goes on that nobody streams from: a guest often stops to begin anew at once. */
const LINGER = 3000;
/** Milliseconds of a pause at least, after a program that brought nothing. */
const FRUITLESS_PAUSE = 1000;
/** Milliseconds of life after which the next end of a program is a first one. */
const LIVED = 1000;

/** How a program is run. */
export interface CommandOptions {
  readonly command: readonly string[];
  readonly folder: string;
  /** run it always, whether or not anybody streams */
  readonly keep: boolean;
  /** milliseconds; LINGER */
  readonly linger?: number | undefined;
}

interface Life {
  readonly process: CommandProcess;
  readonly producer: Producer;
}

type CommandState =
  | { readonly kind: 'idle' }
  | { readonly kind: 'running'; readonly life: Life }
  | { readonly kind: 'stopping' }
  | { readonly kind: 'waiting'; readonly timer: NodeJS.Timeout }
  | { readonly kind: 'closed' };

/** See the top of the file. */
export class CommandOrigin implements Origin {
  readonly #o: CommandOptions;
  readonly #host: OriginHost;
  readonly #backoff = new Backoff({ forgetAfter: LIVED });
  #state: CommandState = { kind: 'idle' };
  #streaming = false;
  #linger: NodeJS.Timeout | undefined;
  #ending: Promise<unknown> = Promise.resolve();

  constructor(o: CommandOptions, host: OriginHost) {
    this.#o = o;
    this.#host = host;
    if (o.keep) setImmediate(() => this.#wake());
  }

  /** Id of the leader of the program's group; undefined while none runs. */
  get pid(): number | undefined {
    return this.#state.kind === 'running' ? this.#state.life.process.pid : undefined;
  }

  streaming(on: boolean): void {
    this.#streaming = on;
    clearTimeout(this.#linger);
    // Not inside the call of whoever streams.
    if (on) setImmediate(() => this.#wake());
    else if (!this.#o.keep) this.#linger = setTimeout(() => this.#stop(), this.#o.linger ?? LINGER);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#linger);
    const state = this.#state;
    this.#state = { kind: 'closed' };
    if (state.kind === 'waiting') clearTimeout(state.timer);
    if (state.kind === 'running') this.#take(state.life);
    await this.#ending;
  }

  get #wanted(): boolean {
    return this.#streaming || this.#o.keep;
  }

  #wake(): void {
    if (this.#state.kind !== 'idle' || !this.#wanted) return;
    this.#backoff.started(performance.now());
    try {
      const life = this.#start();
      this.#state = { kind: 'running', life };
    } catch (error) {
      this.#wait(`it could not be started: ${(error as Error).message}`, false);
    }
  }

  #start(): Life {
    const { command, folder } = this.#o;
    const { log } = this.#host;
    const started = new CommandProcess({
      command,
      folder,
      stderr: heard((text) => log.warn({ command: command[0], text }, 'a command wrote to stderr')),
    });
    const ended = Promise.withResolvers<ProducerEnd>();
    try {
      const producer = this.#host.serve(pipeInput(started.stream), ended.resolve);
      const life = { process: started, producer };
      void this.#follow(life, ended.promise);
      log.debug({ command: command[0], pid: started.pid }, 'a command was started');
      return life;
    } catch (error) {
      this.#ending = started.stop();
      throw error;
    }
  }

  /** Until all of its output is read, or makes no sense any more. A program that has closed it has ended. */
  async #follow(life: Life, ended: Promise<ProducerEnd>): Promise<void> {
    const end = await ended;
    const stopped = life.process.stop();
    this.#ending = stopped;
    const reason = await stopped;
    if (this.#state.kind !== 'running' || this.#state.life !== life) return;
    this.#wait(end.fault ? end.reason : reason, end.frames > 0);
  }

  #wait(reason: string, fruitful: boolean): void {
    const pause = this.#backoff.died(performance.now());
    const restartIn = fruitful ? pause : Math.max(FRUITLESS_PAUSE, pause);
    const command = this.#o.command[0];
    this.#host.log.warn({ command, reason, restartIn }, 'a command that brings raw frames ended');
    this.#state = { kind: 'waiting', timer: setTimeout(() => this.#again(), restartIn) };
    if (!fruitful) this.#host.absent(`${command}: ${reason}`);
  }

  #again(): void {
    this.#state = { kind: 'idle' };
    if (!this.#o.keep) this.#host.present();
    this.#wake();
  }

  /** Nobody wants its frames. */
  #stop(): void {
    if (this.#state.kind !== 'running') return;
    const { life } = this.#state;
    this.#state = { kind: 'stopping' };
    this.#take(life);
    this.#host.log.debug({ command: this.#o.command[0], pid: life.process.pid }, 'a command is stopped: nobody streams');
    void this.#ending.then(() => {
      if (this.#state.kind !== 'stopping') return;
      this.#state = { kind: 'idle' };
      this.#wake();
    });
  }

  #take(life: Life): void {
    life.producer[Symbol.dispose]();
    this.#ending = life.process.stop();
  }
}
