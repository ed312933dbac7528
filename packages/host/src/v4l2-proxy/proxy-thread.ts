// SPDX-License-Identifier: Apache-2.0
/** The open nodes of one guest, which a thread of its own calls. It starts with the first. */
import {
  Errno,
  type ForeignNode,
  type NodeAnswer,
  type NodeBuffersAnswer,
  type NodeEvents,
  type NodeRequest,
  VIDIOC_CREATE_BUFS,
  VIDIOC_REQBUFS,
  VIDIOC_S_FMT,
} from '@paravideo/core';
import { KeptThread } from '../isolation/worker/index.ts';
import type { Log } from '../log/index.ts';
import { type OpenedNode, type ProxyRequest, type ProxyTold, refusal } from './proxy-messages.ts';

/** Milliseconds that a driver may take to close before others go on without it. */
const CLOSE_WAIT = 3000;

/** What happens to files that others want to know of. */
export interface ProxyWitness {
  /** Buffers of a file were made (`has`), or are no more. */
  holds(file: object, has: boolean): void;
  /** Buffers, or a format, are refused because somebody else has buffers. */
  busy(): void;
  /** The device of a file is gone. */
  gone(): void;
}

/** A file, opened. */
export interface OpenedFile {
  readonly node: ForeignNode;
  readonly opened: Extract<OpenedNode, { errno: 0 }>;
}

type AnswerOf<K extends ProxyTold['kind']> = Extract<ProxyTold, { kind: K }>;

/** See the top of the file. */
export class ProxyThread implements AsyncDisposable {
  readonly #log: Log;
  readonly #witness: ProxyWitness;
  readonly #waiting = new Map<number, (told: ProxyTold | undefined) => void>();
  readonly #files = new Map<number, NodeEvents>();
  #thread: KeptThread<ProxyRequest, ProxyTold> | undefined;
  #next = 1;
  #ended = false;

  constructor(log: Log, witness: ProxyWitness) {
    this.#log = log;
    this.#witness = witness;
  }

  /** Opens a node; resolves to a positive errno if it cannot be had. */
  async open(path: string, events: NodeEvents): Promise<OpenedFile | number> {
    if (this.#ended) return Errno.ENODEV;
    this.#thread ??= this.#start();
    const file = this.#next++;
    this.#files.set(file, events);
    const told = (await this.#ask({ kind: 'open', id: this.#next++, file, path })) as AnswerOf<'opened'> | undefined;
    const opened = told?.opened;
    if (opened?.capability === undefined) {
      this.#files.delete(file);
      return opened?.errno ?? Errno.EIO;
    }
    return { node: this.#node(file), opened };
  }

  /** Closes what is open, and ends the thread. A driver that keeps it waiting is left behind. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended = true;
    const closing = [...this.#files.keys()].map((file) => this.#close(file, this));
    await Promise.all(closing);
    const thread = this.#thread;
    if (thread !== undefined && !(await inTime(thread.close()))) this.#log.warn({}, 'the thread of a driver does not end');
  }

  #start(): KeptThread<ProxyRequest, ProxyTold> {
    return new KeptThread({
      module: './proxy-worker',
      base: import.meta.url,
      name: 'v4l2-proxy',
      log: this.#log,
      message: (told) => this.#hear(told),
      died: () => this.#died(),
      restarted: () => {},
    });
  }

  #node(file: number): ForeignNode {
    const own = {};
    const witness = this.#witness;
    let closing: Promise<void> | undefined;
    const call = async (request: NodeRequest): Promise<NodeAnswer> => {
      const told = (await this.#ask({ kind: 'call', id: this.#next++, file, request })) as AnswerOf<'answer'> | undefined;
      const answer = told?.answer ?? refusal(Errno.EIO);
      if (answer.errno === Errno.EBUSY && request.nr === VIDIOC_S_FMT) witness.busy();
      return answer;
    };
    const buffers = async (request: NodeRequest): Promise<NodeBuffersAnswer> => {
      const told = (await this.#ask({ kind: 'buffers', id: this.#next++, file, request })) as AnswerOf<'buffers'> | undefined;
      const answer = told?.answer ?? refusal(Errno.EIO);
      if (answer.errno === 0 && request.nr === VIDIOC_REQBUFS) witness.holds(own, answer.buffers.length > 0);
      else if (answer.errno === 0 && request.nr === VIDIOC_CREATE_BUFS) witness.holds(own, true);
      else if (answer.errno === Errno.EBUSY) witness.busy();
      return answer;
    };
    const close = (): Promise<void> => {
      closing ??= this.#close(file, own);
      return closing;
    };
    return { call, buffers, close };
  }

  async #close(file: number, own: object): Promise<void> {
    this.#files.delete(file);
    const closed = this.#ask({ kind: 'close', id: this.#next++, file });
    if (!(await inTime(closed))) this.#log.warn({}, 'a driver does not close its device');
    this.#witness.holds(own, false);
  }

  #ask(request: ProxyRequest): Promise<ProxyTold | undefined> {
    const thread = this.#thread;
    if (thread?.running !== true) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      this.#waiting.set(request.id, resolve);
      thread.busy = true;
      thread.post(request);
    });
  }

  #hear(told: ProxyTold): void {
    switch (told.kind) {
      case 'done':
        return this.#files.get(told.file)?.done(told.buffer, told.planes);
      case 'failed':
        return this.#files.get(told.file)?.failed(told.type);
      case 'event':
        return this.#files.get(told.file)?.event(told.event);
      case 'gone':
        this.#witness.gone();
        return this.#files.get(told.file)?.gone();
      default: {
        const answer = this.#waiting.get(told.id);
        this.#waiting.delete(told.id);
        if (this.#thread !== undefined) this.#thread.busy = this.#waiting.size > 0;
        return answer?.(told);
      }
    }
  }

  #died(): void {
    const files = [...this.#files.values()];
    this.#files.clear();
    for (const answer of this.#waiting.values()) answer(undefined);
    this.#waiting.clear();
    for (const file of files) file.lost();
  }
}

async function inTime(work: Promise<unknown>): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => resolve(false), CLOSE_WAIT);
  void work.then(() => resolve(true));
  const done = await promise;
  clearTimeout(timer);
  return done;
}
