// SPDX-License-Identifier: Apache-2.0
/** Producers that connect to a Unix socket, one at a time: a second one is turned away, unless the first has said nothing yet. */
import { lstatSync, unlinkSync } from 'node:fs';
import { SourceError } from '@paravideo/core';
import { accept, type Fd, listenOrReplace, watch } from '../../sys/index.ts';
import { GuestCloser } from '../../transport/common/index.ts';
import type { Origin, OriginHost } from './origin.ts';
import type { Producer, ProducerEnd } from './producer.ts';
import { socketInput } from './stream-input.ts';

/** Milliseconds for which nobody is accepted after that failed: descriptors are short. */
const ACCEPT_PAUSE = 100;

/** See the top of the file. */
export class SocketOrigin implements Origin {
  readonly #path: string;
  readonly #host: OriginHost;
  readonly #listener: Fd;
  readonly #inode: number;
  readonly #closer = new GuestCloser();
  #watch: Disposable | undefined;
  #producer: Producer | undefined;
  #pause: NodeJS.Timeout | undefined;
  #closed = false;

  /** Throws `SourceError` if it cannot listen at the path. */
  constructor(path: string, host: OriginHost) {
    this.#path = path;
    this.#host = host;
    this.#listener = listen(path);
    this.#inode = lstatSync(path).ino;
    this.#listen();
  }

  streaming(): void {}

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#pause);
    this.#watch?.[Symbol.dispose]();
    this.#listener.close();
    this.#producer?.[Symbol.dispose]();
    try {
      if (lstatSync(this.#path).ino === this.#inode) unlinkSync(this.#path);
    } catch (error) {
      this.#host.log.debug({ err: error, path: this.#path }, 'the socket was removed by somebody else');
    }
  }

  #listen(): void {
    if (this.#closed) return;
    try {
      this.#watch ??= watch(this.#listener, () => this.#accept());
    } catch (error) {
      this.#rest(error as Error);
    }
  }

  #accept(): void {
    let fd: Fd | 'again';
    try {
      fd = accept(this.#listener);
    } catch (error) {
      this.#rest(error as Error);
      return;
    }
    if (fd === 'again') return;
    if (this.#producer?.known === true) {
      this.#host.log.warn({ path: this.#path }, 'a second producer was turned away: this socket has one at a time');
      this.#turnAway(fd);
      return;
    }
    if (this.#producer !== undefined) {
      this.#host.log.warn({ path: this.#path }, 'a producer that has said nothing makes room for another');
      this.#producer[Symbol.dispose]();
    }
    try {
      this.#producer = this.#host.serve(socketInput(fd, this.#closer), (end) => this.#ended(end));
    } catch (error) {
      this.#rest(error as Error);
    }
  }

  #ended(end: ProducerEnd): void {
    this.#producer = undefined;
    this.#host.absent(`no producer is connected to ${this.#path}: ${end.reason}`);
    if (end.fault) this.#host.log.warn({ path: this.#path, reason: end.reason }, 'a producer of raw frames has to go');
    else this.#host.log.info({ path: this.#path, frames: end.frames }, 'a producer of raw frames has ended');
    this.#throttle();
  }

  #turnAway(fd: Fd): void {
    this.#closer.closeConnection(fd);
    this.#throttle();
  }

  /** Where too many connections wait to be closed, the next are not accepted until they are. */
  #throttle(): void {
    if (!this.#closer.full || this.#watch === undefined) return;
    this.#watch[Symbol.dispose]();
    this.#watch = undefined;
    void this.#closer.settled().then(() => this.#listen());
  }

  #rest(error: Error): void {
    this.#host.log.error({ err: error, path: this.#path }, 'a producer could not be accepted');
    this.#watch?.[Symbol.dispose]();
    this.#watch = undefined;
    this.#pause = setTimeout(() => this.#listen(), ACCEPT_PAUSE);
  }
}

function listen(path: string): Fd {
  let listener: ReturnType<typeof listenOrReplace>;
  try {
    listener = listenOrReplace(path);
  } catch (error) {
    throw new SourceError(`nobody can listen at ${path}: ${(error as Error).message}`, { cause: error });
  }
  if (listener === 'no socket') throw new SourceError(`${path} exists and is no socket: choose another path or remove it`);
  if (listener === 'in use') {
    throw new SourceError(`somebody listens at ${path} already: stop that process or choose another path`);
  }
  return listener;
}
