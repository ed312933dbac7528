// SPDX-License-Identifier: Apache-2.0
/**
 * Producers that write into a FIFO, one after another. It is opened without waiting for one, and opened anew for each: then what the
 * one before left unread is gone where it went because of that.
 */
import { closeSync, constants, fstatSync, lstatSync, openSync, unlinkSync } from 'node:fs';
import { SourceError } from '@paravideo/core';
import { Backoff } from '../../isolation/child/index.ts';
import { Fd, growPipe, makeFifo } from '../../sys/index.ts';
import type { Origin, OriginHost } from './origin.ts';
import type { Producer, ProducerEnd } from './producer.ts';
import { pipeInput } from './stream-input.ts';

/** Bytes that a pipe holds where that is allowed. */
export const PIPE_BYTES = 2 ** 20;
/** Milliseconds for which a producer that had to go finds nobody who reads. */
export const FAULT_PAUSE = 1000;

/** See the top of the file. */
export class FifoOrigin implements Origin {
  readonly #path: string;
  readonly #host: OriginHost;
  readonly #backoff = new Backoff();
  /** of the FIFO, if it was made here: then it is removed in the end */
  readonly #made: number | undefined;
  #producer: Producer | undefined;
  #pause: NodeJS.Timeout | undefined;
  #closed = false;

  /** Throws `SourceError` if there is something else, or nothing can be made, at the path. */
  constructor(path: string, host: OriginHost) {
    this.#path = path;
    this.#host = host;
    let made = false;
    let first: Fd;
    try {
      made = makeFifo(path);
      first = openFifo(path);
    } catch (error) {
      if (error instanceof SourceError) throw error;
      throw new SourceError(`${path} cannot be read as a FIFO: ${(error as Error).message}`, { cause: error });
    }
    this.#made = made ? fstatSync(first.number).ino : undefined;
    this.#serve(first);
  }

  streaming(): void {}

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#pause);
    this.#producer?.[Symbol.dispose]();
    try {
      if (this.#made !== undefined && lstatSync(this.#path).ino === this.#made) unlinkSync(this.#path);
    } catch (error) {
      this.#host.log.debug({ err: error, path: this.#path }, 'the FIFO was removed by somebody else');
    }
  }

  #serve(fd: Fd): void {
    growPipe(fd, PIPE_BYTES);
    this.#backoff.started(performance.now());
    this.#producer = this.#host.serve(pipeInput(fd), (end) => this.#ended(end));
  }

  #ended(end: ProducerEnd): void {
    this.#producer = undefined;
    this.#host.absent(`nobody writes to ${this.#path}: ${end.reason}`);
    if (end.fault) this.#host.log.warn({ path: this.#path, reason: end.reason }, 'a producer of raw frames has to go');
    else this.#host.log.info({ path: this.#path, frames: end.frames }, 'a producer of raw frames has ended');
    if (!end.fault) return this.#again();
    // Who writes on finds that nobody reads.
    this.#later(Math.max(FAULT_PAUSE, this.#backoff.died(performance.now())));
  }

  #later(pause: number): void {
    this.#pause = setTimeout(() => this.#again(), pause);
  }

  #again(): void {
    if (this.#closed) return;
    try {
      this.#serve(openFifo(this.#path));
    } catch (error) {
      const reason = `${this.#path} cannot be opened again: ${(error as Error).message}`;
      this.#host.absent(reason);
      this.#host.log.warn({ path: this.#path, reason }, 'a FIFO of raw frames cannot be read');
      this.#later(Math.max(FAULT_PAUSE, this.#backoff.died(performance.now())));
    }
  }
}

function openFifo(path: string): Fd {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  if (fstatSync(fd).isFIFO()) return Fd.adopt(fd);
  closeSync(fd);
  throw new SourceError(`${path} is no FIFO: remove it, or name another path, where one is made`);
}
