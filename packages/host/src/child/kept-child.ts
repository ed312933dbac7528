// SPDX-License-Identifier: Apache-2.0
import { Backoff } from './backoff.ts';
import { Child, type ChildOptions } from './child-process.ts';
import type { Log } from './log.ts';

/** Milliseconds that a process has from its start to its first message. */
const START_WITHIN = 20_000;

/** Most messages kept for the next process. */
const MAX_WAITING = 10_000;

/** What a kept child is made of. */
export interface KeptChildOptions extends Omit<ChildOptions, 'onText' | 'onMessage' | 'onExit' | 'fds'> {
  /** Descriptors for a process that is about to start (see ChildOptions.fds). */
  fds(): readonly number[];
  /** What every process is told first. */
  greeting?(): readonly (readonly number[])[];
  /** for the log */
  readonly name: string;
  readonly log: Log;
  readonly backoff?: Backoff;
  /** A message of the process that runs now. Throwing ProtocolError kills it; nothing else may be thrown. */
  onMessage(message: readonly number[]): void;
  /** The process is gone; the next is started after this returns. Not called after `close`. */
  onExit(reason: string): void;
}

type State =
  | { readonly kind: 'running'; readonly child: Child; heard: boolean; readonly alarm: NodeJS.Timeout }
  | { readonly kind: 'waiting'; readonly timer: NodeJS.Timeout; readonly queue: (readonly number[])[] }
  | { readonly kind: 'closed' };

/**
 * A child process that is kept alive: started at once, started again when it dies.
 *
 *   running --exit--> waiting --wait over--> running;   close from anywhere --> closed
 *
 * What is sent while waiting goes to the next process.
 */
export class KeptChild {
  readonly #o: KeptChildOptions;
  readonly #backoff: Backoff;
  readonly #gone = Promise.withResolvers<void>();
  #state: State;
  /** processes in a row that died without a word: the next one will hardly do better */
  #mute = 0;

  constructor(o: KeptChildOptions) {
    this.#o = o;
    this.#backoff = o.backoff ?? new Backoff();
    this.#state = this.#start();
  }

  /** Id of the process, undefined while there is none. */
  get pid(): number | undefined {
    return this.#state.kind === 'running' ? this.#state.child.pid : undefined;
  }

  /** True once the process that runs now has said something. */
  get answering(): boolean {
    return this.#state.kind === 'running' && this.#state.heard;
  }

  /** False if there is no process and little hope: several in a row never got to say a word. */
  get usable(): boolean {
    return this.#state.kind === 'running' || (this.#state.kind === 'waiting' && this.#mute < 2);
  }

  /** Sends a message to the process, or to the next one. Nothing happens after `close`. */
  send(message: readonly number[]): void {
    if (this.#state.kind === 'running') this.#state.child.send(message);
    else if (this.#state.kind === 'waiting' && this.#state.queue.length < MAX_WAITING) this.#state.queue.push(message);
  }

  /** Has the threads of the process that runs now yield (see Child). */
  yieldThreads(): void {
    if (this.#state.kind === 'running') this.#state.child.yieldThreads();
  }

  /** Ends the process that runs now; `onExit` follows, and then the next one. */
  kill(reason: string): void {
    if (this.#state.kind === 'running') this.#state.child.kill(reason);
  }

  /** Ends it for good. Resolves when nothing of the process is left. */
  close(): Promise<void> {
    const state = this.#state;
    this.#state = { kind: 'closed' };
    if (state.kind === 'running') {
      clearTimeout(state.alarm);
      state.child.kill();
    } else if (state.kind === 'waiting') {
      clearTimeout(state.timer);
      this.#gone.resolve();
    }
    return this.#gone.promise;
  }

  #start(queue: readonly (readonly number[])[] = []): State {
    const { name, log } = this.#o;
    this.#backoff.started(performance.now());
    const child = Child.start({
      script: this.#o.script,
      args: this.#o.args ?? [],
      fds: this.#o.fds(),
      ...(this.#o.nice === undefined ? {} : { nice: this.#o.nice }),
      onMessage: (message) => this.#hear(message),
      onExit: (reason) => this.#exited(reason),
      onText: (text) => log.warn({ process: name, text }, 'a child process wrote to stderr'),
    });
    for (const message of [...(this.#o.greeting?.() ?? []), ...queue]) child.send(message);
    const alarm = setTimeout(() => child.kill(`it did not start within ${START_WITHIN / 1000} s`), START_WITHIN);
    log.debug({ process: name, pid: child.pid }, 'child process started');
    return { kind: 'running', child, heard: false, alarm };
  }

  #hear(message: readonly number[]): void {
    const state = this.#state;
    if (state.kind !== 'running') return;
    if (!state.heard) {
      state.heard = true;
      // Those that it made before its nice value was set.
      state.child.yieldThreads();
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
    const wait = this.#backoff.died(performance.now());
    const queue: (readonly number[])[] = [];
    const timer = setTimeout(() => {
      this.#state = this.#start(queue);
    }, wait);
    this.#state = { kind: 'waiting', timer, queue };
    this.#o.log.warn({ process: this.#o.name, pid: state.child.pid, reason, restartIn: wait }, 'a child process died');
    this.#o.onExit(reason);
  }
}
