// SPDX-License-Identifier: Apache-2.0
import { type Fd, type MemorySpan, readInto, receiveInto } from '../../sys/index.ts';
import type { GuestCloser } from '../../transport/common/index.ts';
import { ProducerFault } from './producer-fault.ts';

/** The descriptor that a producer's bytes come from. */
export interface StreamInput {
  readonly fd: Fd;
  /** Reads into the pieces what is there. Throws `ProducerFault` and `SysError`. */
  read(spans: readonly MemorySpan[]): number | 'again' | 'closed';
  close(): void;
}

/** A pipe, with a name or without. It owns the descriptor. */
export function pipeInput(fd: Fd): StreamInput {
  return { fd, read: (spans) => readInto(fd, spans), close: () => fd.close() };
}

/** A connection over a Unix socket, whose other side may send descriptors that nobody wants. It owns the descriptor. */
export function socketInput(fd: Fd, closer: GuestCloser): StreamInput {
  return {
    fd,
    read: (spans) => {
      const got = receiveInto(fd, spans, closer);
      if (got === 'descriptors') throw new ProducerFault('it sent descriptors: send bytes alone');
      return got;
    },
    close: () => closer.closeConnection(fd),
  };
}
