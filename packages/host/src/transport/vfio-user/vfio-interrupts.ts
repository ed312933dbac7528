// SPDX-License-Identifier: Apache-2.0
/** MSI-X vectors as eventfds of the client. An interrupt that finds no descriptor waits for one: clients set them one by one. */
import { constants } from 'node:os';
import type { Log } from '../../log/index.ts';
import { descriptorKind, type Fd, SysError, setNonBlocking, signal } from '../../sys/index.ts';
import { IRQ_SET } from './protocol.ts';
import { VfioRefusedError } from './vfio-user-error.ts';

const { EINVAL } = constants.errno;

/** What DEVICE_SET_IRQS says about MSI-X. */
export interface IrqChange {
  /** IRQ_SET */
  readonly flags: number;
  readonly start: number;
  readonly count: number;
  /** one byte a vector, with DATA_BOOL */
  readonly data: Uint8Array;
}

interface InterruptVector {
  fd: Fd | undefined;
  pending: boolean;
}

/** See the top of the file. */
export class VfioInterrupts implements Disposable {
  readonly #vectors: readonly InterruptVector[];
  readonly #log: Log;

  constructor(vectors: number, log: Log) {
    this.#vectors = Array.from({ length: vectors }, () => ({ fd: undefined, pending: false }));
    this.#log = log;
  }

  /** Number of vectors. */
  get count(): number {
    return this.#vectors.length;
  }

  /**
   * DEVICE_SET_IRQS. Takes the descriptors that it uses out of `fds`: with fewer than `count`, the rest of the vectors lose
   * theirs. Throws `VfioRefusedError`.
   */
  change({ flags, start, count, data }: IrqChange, fds: Fd[]): void {
    const kind = flags & (IRQ_SET.DATA_NONE | IRQ_SET.DATA_BOOL | IRQ_SET.DATA_EVENTFD);
    if ((flags & ~kind) !== IRQ_SET.TRIGGER)
      throw new VfioRefusedError(EINVAL, `interrupts with flags ${flags}: MSI-X is only triggered`);
    if (start + count > this.#vectors.length) {
      throw new VfioRefusedError(EINVAL, `vectors ${start} to ${start + count - 1} of ${this.#vectors.length}`);
    }
    const range = this.#vectors.slice(start, start + count);
    if (kind === IRQ_SET.DATA_NONE && count === 0) {
      this[Symbol.dispose]();
    } else if (kind === IRQ_SET.DATA_NONE) {
      for (let i = 0; i < range.length; i++) this.raise(start + i);
    } else if (kind === IRQ_SET.DATA_BOOL && data.length >= count) {
      for (let i = 0; i < range.length; i++) if (data[i] !== 0) this.raise(start + i);
    } else if (kind === IRQ_SET.DATA_EVENTFD && count > 0) {
      for (const fd of fds.slice(0, count)) {
        const descriptor = descriptorKind(fd);
        // Ringing a file of a FUSE server could wait for ever, and everybody with it.
        if (typeof descriptor === 'object')
          throw new VfioRefusedError(EINVAL, `an interrupt is an eventfd, a pipe or a socket, not ${descriptor.other}`);
      }
      for (const [i, vector] of range.entries()) this.#connect(start + i, vector, fds.shift());
    } else {
      throw new VfioRefusedError(EINVAL, `interrupts with flags ${flags}, ${count} vectors and ${data.length} bytes`);
    }
  }

  /** Raises a vector. */
  raise(index: number): void {
    const vector = this.#vectors[index];
    if (vector === undefined) return;
    if (vector.fd === undefined) {
      vector.pending = true;
      return;
    }
    try {
      signal(vector.fd);
    } catch (error) {
      if (!(error instanceof SysError)) throw error;
      this.#log.warn({ vector: index, err: error }, 'the descriptor of an interrupt does not work: it is used no more');
      vector.fd.close();
      vector.fd = undefined;
    }
  }

  /** Nothing is pending any more: the device was reset. */
  forget(): void {
    for (const vector of this.#vectors) vector.pending = false;
  }

  /** All vectors lose their descriptors. */
  [Symbol.dispose](): void {
    for (const vector of this.#vectors) {
      vector.fd?.close();
      vector.fd = undefined;
      vector.pending = false;
    }
  }

  #connect(index: number, vector: InterruptVector, fd: Fd | undefined): void {
    vector.fd?.close();
    vector.fd = fd;
    if (fd === undefined) return;
    setNonBlocking(fd);
    if (!vector.pending) return;
    vector.pending = false;
    this.raise(index);
  }
}
