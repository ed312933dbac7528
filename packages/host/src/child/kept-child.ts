// SPDX-License-Identifier: Apache-2.0

import type { Log } from '../log/index.ts';
import { Backoff } from './backoff.ts';
import { Child, type ChildOptions } from './child-process.ts';

/** Milliseconds that a process has from its start to its first message. */
const START_WITHIN = 20_000;

/** Most messages kept for the next process; with more the users of them are told that it died. */
const MAX_WAITING = 10_000;

/** Milliseconds that a process may be silent while it has work: a picture may take long, but not that long. */
const SILENCE = 30_000;
/** Looks at it in that time. Looks are counted, not milliseconds: a daemon that was itself stopped blames nobody. */
const LOOKS = 6;

/** What a kept child is made of. */
export interface KeptChildOptions extends Omit<ChildOptions, 'onText' | 'onMessage' | 'onExit' | 'fds' | 'memory'> {
  /** Descriptors for a process that is about to start (see ChildOptions.fds). */
  fds(): readonly number[];
  /** Most bytes of memory that the process may have now (see ChildOptions.memory); when they become more `allow` is called. */
  memory?(): number;
  /** What every process is told first. */
  greeting?(): readonly (readonly number[])[];
  /** for the log */
  readonly name: string;
  readonly log: Log;
  readonly backoff?: Backoff;
  /** true to start the first process with `wake`, or what is sent, and not at once */
  readonly lazy?: boolean;
  /** Whether the process that runs now has something to do. While it has, and says nothing for long, it is asked `ping`, then killed. */
  working?(): boolean;
  /** What every process answers at once, unless it hangs; not needed where work has an answer anyhow. */
  readonly ping?: readonly number[];
  /** milliseconds of silence over work; SILENCE */
  readonly silence?: number;
  /** A message of the process that runs now. Throwing kills it. */
  onMessage(message: readonly number[]): void;
  /**
   * The process is gone, or more was sent to the next one than is kept; the next is started after this returns. Not called
   * after `close`.
   */
  onExit(reason: string): void;
}

type KeptState =
  | { readonly kind: 'asleep' }
  | { readonly kind: 'running'; readonly child: Child; heard: boolean; silent: number; readonly alarm: NodeJS.Timeout }
  | { readonly kind: 'waiting'; readonly timer: NodeJS.Timeout; readonly queue: (readonly number[])[]; full: boolean }
  | { readonly kind: 'closed' };

/**
 * A child process that is kept alive: started at once, or when it is first needed, and started again when it dies.
 *
 *   asleep --wake, send--> running
 *   running --exit--> waiting --wait over--> running;   close from anywhere --> closed
 *
 * What is sent while waiting goes to the next process.
 */
export class KeptChild {
  readonly #o: KeptChildOptions;
  readonly #backoff: Backoff;
  readonly #gone = Promise.withResolvers<void>();
  readonly #looks: NodeJS.Timeout;
  #state: KeptState;
  #deaths = 0;
  /** processes in a row that died without a word: the next one will hardly do better */
  #mute = 0;

  constructor(o: KeptChildOptions) {
    this.#o = o;
    this.#backoff = o.backoff ?? new Backoff();
    this.#looks = setInterval(() => this.#look(), (o.silence ?? SILENCE) / LOOKS).unref();
    this.#state = o.lazy === true ? { kind: 'asleep' } : this.#start();
  }

  /** Id of the process that does the work; undefined while there is none, and until it has been made. */
  get pid(): number | undefined {
    return this.#state.kind === 'running' ? this.#state.child.pid : undefined;
  }

  /** A number of the process that runs now, or is being started: no two have the same. Undefined while there is none. */
  get incarnation(): number | undefined {
    return this.#state.kind === 'running' ? this.#deaths : undefined;
  }

  /** True once the process that runs now has said something. */
  get answering(): boolean {
    return this.#state.kind === 'running' && this.#state.heard;
  }

  /** False if there is no process and little hope: several in a row never got to say a word. */
  get usable(): boolean {
    if (this.#state.kind === 'asleep') return true;
    return this.#state.kind === 'running' || (this.#state.kind === 'waiting' && this.#mute < 2);
  }

  /** Starts the first process, if that has still to be done. */
  wake(): void {
    if (this.#state.kind === 'asleep') this.#state = this.#start();
  }

  /** Sends a message to the process, or to the next one. Nothing happens after `close`. */
  send(message: readonly number[]): void {
    this.wake();
    if (this.#state.kind === 'running') this.#state.child.send(message);
    else if (this.#state.kind === 'waiting') this.#keep(this.#state, message);
  }

  #keep(state: Extract<KeptState, { kind: 'waiting' }>, message: readonly number[]): void {
    if (state.full) return;
    if (state.queue.length < MAX_WAITING) {
      state.queue.push(message);
      return;
    }
    // A part of it would make no sense to the next process. The users are told later, not from inside their own calls.
    state.full = true;
    const reason = `more than ${MAX_WAITING} messages wait for the next process`;
    this.#o.log.warn({ process: this.#o.name, reason }, 'what was to be told to a child process is given up');
    queueMicrotask(() => {
      if (this.#state !== state) return;
      state.queue.length = 0;
      state.full = false;
      this.#o.onExit(reason);
    });
  }

  /** Has the threads of the process that runs now yield (see Child). */
  yieldThreads(): void {
    if (this.#state.kind === 'running') this.#state.child.yieldThreads();
  }

  /** Has the process that runs now have the memory that it may have now; see `memory`. */
  allow(): void {
    const memory = this.#o.memory?.();
    // One that said nothing yet may not have got to where its limit is; its first message comes here.
    if (memory !== undefined && this.#state.kind === 'running' && this.#state.heard) this.#state.child.allow(memory);
  }

  /** Ends the process that runs now; `onExit` follows, and then the next one. */
  kill(reason: string): void {
    if (this.#state.kind === 'running') this.#state.child.kill(reason);
  }

  /** Ends it for good. Resolves when nothing of the process is left. */
  close(): Promise<void> {
    const state = this.#state;
    this.#state = { kind: 'closed' };
    clearInterval(this.#looks);
    if (state.kind === 'running') {
      clearTimeout(state.alarm);
      state.child.kill();
    } else if (state.kind === 'waiting') {
      clearTimeout(state.timer);
      this.#gone.resolve();
    } else if (state.kind === 'asleep') {
      this.#gone.resolve();
    }
    return this.#gone.promise;
  }

  #start(queue: readonly (readonly number[])[] = []): KeptState {
    const { name, log } = this.#o;
    this.#backoff.started(performance.now());
    const fds = this.#o.fds();
    const greeting = this.#o.greeting?.() ?? [];
    const memory = this.#o.memory?.();
    const child = Child.start({
      script: this.#o.script,
      args: this.#o.args ?? [],
      fds,
      ...(memory === undefined ? {} : { memory }),
      ...(this.#o.nice === undefined ? {} : { nice: this.#o.nice }),
      ...(this.#o.namespaces === undefined ? {} : { namespaces: this.#o.namespaces }),
      onMessage: (message) => this.#hear(message),
      onExit: (reason) => this.#exited(reason),
      onText: (text) => log.warn({ process: name, text }, 'a child process wrote to stderr'),
    });
    for (const message of [...greeting, ...queue]) child.send(message);
    const alarm = setTimeout(() => child.kill(`it did not start within ${START_WITHIN / 1000} s`), START_WITHIN);
    log.debug({ process: name, pid: child.startedPid }, 'child process started');
    return { kind: 'running', child, heard: false, silent: 0, alarm };
  }

  #hear(message: readonly number[]): void {
    const state = this.#state;
    if (state.kind !== 'running') return;
    state.silent = 0;
    if (!state.heard) {
      state.heard = true;
      if (this.#deaths > 0)
        this.#o.log.info({ process: this.#o.name, pid: state.child.startedPid }, 'a child process works again');
      // Threads that it started before its nice value was set have not inherited the value.
      state.child.yieldThreads();
      this.allow();
      this.#mute = 0;
      clearTimeout(state.alarm);
    }
    this.#o.onMessage(message);
  }

  #exited(reason: string): void {
    const state = this.#state;
    if (state.kind !== 'running') {
      this.#gone.resolve();
      return;
    }
    clearTimeout(state.alarm);
    if (!state.heard) this.#mute += 1;
    this.#wait(reason, state.child.startedPid);
    this.#o.onExit(reason);
  }

  #wait(reason: string, pid?: number, queue: (readonly number[])[] = []): void {
    this.#deaths += 1;
    const restartIn = this.#backoff.died(performance.now());
    const timer = setTimeout(() => this.#restart(queue), restartIn);
    this.#state = { kind: 'waiting', timer, queue, full: false };
    this.#o.log.warn({ process: this.#o.name, pid, reason, restartIn }, 'a child process died');
  }

  #restart(queue: (readonly number[])[]): void {
    try {
      this.#state = this.#start(queue);
    } catch (error) {
      // Descriptors for it, say, that the system does not have now.
      this.#mute += 1;
      this.#wait(`it could not be started: ${error instanceof Error ? error.message : String(error)}`, undefined, queue);
    }
  }

  #look(): void {
    const state = this.#state;
    if (state.kind !== 'running' || !state.heard) return;
    if (this.#o.working?.() !== true) {
      state.silent = 0;
      return;
    }
    state.silent += 1;
    if (state.silent === 2 && this.#o.ping !== undefined) state.child.send(this.#o.ping);
    // The first look may have come right after the last message.
    if (state.silent <= LOOKS) return;
    state.child.kill(`it had work and said nothing for ${(this.#o.silence ?? SILENCE) / 1000} s`);
  }
}
