// SPDX-License-Identifier: Apache-2.0

import type { Log } from '../../log/index.ts';
import { Backoff } from './backoff.ts';
import { Child, type ChildOptions } from './child-process.ts';

/** Milliseconds that a process has from its start to its first message. */
const START_WITHIN = 20_000;

/** Most messages kept for the next process; with more the users of them are told that it died. */
const MAX_WAITING = 10_000;

/** Milliseconds that a process may be silent while it has work: a picture may take long, but not that long. */
const SILENCE = 30_000;
/** Checks within that time. They are counted, not milliseconds: a daemon that was itself stopped must not kill its children. */
const LOOKS = 6;

/** What a kept child is made of. */
export interface KeptChildOptions extends Omit<ChildOptions, 'onText' | 'onMessage' | 'onExit' | 'fds' | 'memory'> {
  /** Descriptors for a process that is about to start (see ChildOptions.fds). */
  fds(): readonly number[];
  /** Present memory limit of the process in bytes (see ChildOptions.memory); call `allow` when it grows. */
  memory?(): number;
  /** What every process is told first. */
  greeting?(): readonly (readonly number[])[];
  /** for the log */
  readonly name: string;
  readonly log: Log;
  readonly backoff?: Backoff;
  /** true to start the first process with `wake`, or what is sent, and not at once */
  readonly lazy?: boolean;
  /** Whether the running process has work. One with work that stays silent gets `ping`, and is killed if it says nothing still. */
  working?(): boolean;
  /** A message that a process answers at once unless it hangs; leave it out if all work is answered in time anyway. */
  readonly ping?: readonly number[];
  /** milliseconds that a process with work may be silent; default SILENCE */
  readonly silence?: number;
  /** A message of the process that runs now. Throwing kills it. */
  onMessage(message: readonly number[]): void;
  /**
   * The process is gone, or more messages wait for the next one than are kept. The next process starts after this returns. Not
   * called after `close`.
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
  /** processes in a row that died before their first message: the next one is unlikely to do better */
  #mute = 0;

  constructor(o: KeptChildOptions) {
    this.#o = o;
    this.#backoff = o.backoff ?? new Backoff();
    this.#looks = setInterval(() => this.#look(), (o.silence ?? SILENCE) / LOOKS).unref();
    this.#state = o.lazy === true ? { kind: 'asleep' } : this.#start();
  }

  /** Id of the process that does the work; undefined while it does not exist yet, or no longer. */
  get pid(): number | undefined {
    return this.#state.kind === 'running' ? this.#state.child.pid : undefined;
  }

  /** A number that is different for each process that is started. Undefined while none runs or starts. */
  get incarnation(): number | undefined {
    return this.#state.kind === 'running' ? this.#deaths : undefined;
  }

  /** True once the running process has sent its first message. */
  get answering(): boolean {
    return this.#state.kind === 'running' && this.#state.heard;
  }

  /** False after `close`, and while the next process waits to start if the last two died before their first message. */
  get usable(): boolean {
    if (this.#state.kind === 'asleep') return true;
    return this.#state.kind === 'running' || (this.#state.kind === 'waiting' && this.#mute < 2);
  }

  /** Starts the first process, if none was started yet. */
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
    // The next process could not make sense of a part of the messages, so all are dropped. The user is told in a later turn,
    // never inside its own call of `send`.
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

  /** Calls `yieldThreads` of the running process. */
  yieldThreads(): void {
    if (this.#state.kind === 'running') this.#state.child.yieldThreads();
  }

  /** Applies the present memory limit to the running process; see `memory`. */
  allow(): void {
    const memory = this.#o.memory?.();
    // Before its first message a process may not be in its cgroup yet; that message calls this again.
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
      // For example, the system has no descriptors left for it.
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
    // The first check may have come right after the last message, so one more is needed for the whole time.
    if (state.silent <= LOOKS) return;
    state.child.kill(`it had work and said nothing for ${(this.#o.silence ?? SILENCE) / 1000} s`);
  }
}
