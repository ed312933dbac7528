// SPDX-License-Identifier: Apache-2.0
/** The one producer at the other end of a descriptor that this process was started with, standard input. It never comes back. */
import { fstatSync } from 'node:fs';
import { SourceError } from '@paravideo/core';
import { type Fd, growPipe, takeOver } from '../../sys/index.ts';
import { PIPE_BYTES } from './fifo-origin.ts';
import type { Origin, OriginHost } from './origin.ts';
import type { Producer } from './producer.ts';
import { pipeInput } from './stream-input.ts';

/** See the top of the file. */
export class InputOrigin implements Origin {
  #producer: Producer | undefined;

  /** Throws `SourceError` if the descriptor is nothing that a producer can be at. */
  constructor(descriptor: number, host: OriginHost) {
    const fd = taken(descriptor);
    growPipe(fd, PIPE_BYTES);
    this.#producer = host.serve(pipeInput(fd), (end) => {
      this.#producer = undefined;
      host.absent(`standard input: ${end.reason}`);
      if (end.fault) host.log.warn({ reason: end.reason }, 'the producer at standard input has to go');
      else host.log.info({ frames: end.frames }, 'the producer at standard input has ended');
    });
  }

  streaming(): void {}

  async [Symbol.asyncDispose](): Promise<void> {
    this.#producer?.[Symbol.dispose]();
  }
}

function taken(descriptor: number): Fd {
  const remedy = 'start the daemon behind a pipe, PROGRAM | paravideo serve …';
  try {
    const stats = fstatSync(descriptor);
    if (stats.isFIFO() || stats.isSocket()) return takeOver(descriptor);
  } catch (error) {
    throw new SourceError(`standard input cannot be read (${(error as Error).message}): ${remedy}`, { cause: error });
  }
  throw new SourceError(`standard input is no pipe: ${remedy}`);
}
