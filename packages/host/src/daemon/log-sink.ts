// SPDX-License-Identifier: Apache-2.0
/**
 * Where the log's lines go: a descriptor that may be full, slow or gone. A line is written before the call returns if that can be
 * done at once; what cannot waits in a small buffer, and what does not fit there is counted and dropped. Nothing here
 * throws or waits for a reader (a regular file on a slow disk apart).
 *
 *     flowing --would block--> waiting --room again--> flowing;   an error (full disk, closed pipe) loses that line only
 */
import { closeSync, constants, fstatSync, openSync, writeSync } from 'node:fs';
import { canWrite, Fd, send } from '../sys/index.ts';

/** Bytes of lines that wait for a descriptor that is not read. */
const MAX_WAITING = 256 * 1024;
/** How often a descriptor that was full is tried again, milliseconds. */
const TRY_AGAIN = 100;
/** What a pipe that has any room takes whole: PIPE_BUF. */
const PIECE = 4096;

/** Writes what it can at once; the number of bytes, 0 if none can be taken now. Throws what the system says. */
type LogWrite = (bytes: Uint8Array) => number;

/** See the top of the file. */
export class LogSink {
  readonly #write: LogWrite;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #lost = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(fd: number) {
    this.#write = writerOf(fd);
    process.once('exit', () => this.#drain());
  }

  /** Takes a line with its line feed. */
  write(line: string): void {
    this.#drain();
    const bytes = Buffer.from(line);
    if (this.#waitingBytes === 0) this.#put(bytes);
    else if (this.#waitingBytes + bytes.length <= MAX_WAITING) this.#wait(bytes);
    else this.#lost += 1;
  }

  /** Writes what waits, then how many lines were lost. */
  #drain(): void {
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      this.#waiting.shift();
      this.#waitingBytes -= next.length;
      if (!this.#put(next, true)) return;
    }
    if (this.#lost === 0) return;
    const told = this.#lost;
    const rest = this.#push(Buffer.from(lostLine(told)));
    if (rest === undefined) return;
    this.#lost = 0;
    if (rest.length > 0) this.#wait(rest);
  }

  /** Writes a line; false if (the rest of) it has to wait, before the others if it is the oldest. */
  #put(bytes: Uint8Array, oldest = false): boolean {
    const rest = this.#push(bytes);
    if (rest === undefined) this.#lost += 1;
    if (rest === undefined || rest.length === 0) return true;
    this.#wait(rest, oldest);
    return false;
  }

  #wait(bytes: Uint8Array, oldest = false): void {
    if (oldest) this.#waiting.unshift(bytes);
    else this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#drain();
    }, TRY_AGAIN).unref();
  }

  /** What of the bytes could not be written now; undefined if the descriptor refused them. */
  #push(bytes: Uint8Array): Uint8Array | undefined {
    let rest = bytes;
    try {
      while (rest.length > 0) {
        const done = this.#write(rest);
        if (done === 0) break;
        rest = rest.subarray(done);
      }
      return rest;
    } catch {
      return undefined;
    }
  }
}

function lostLine(count: number): string {
  const line = { level: 40, time: new Date().toISOString(), pid: process.pid, lost: count };
  return `${JSON.stringify({ ...line, msg: `${count} lines of the log were lost: they could not be written` })}\n`;
}

/** How to write to a descriptor without waiting, and without changing it for those who share it. */
function writerOf(fd: number): LogWrite {
  let kind: ReturnType<typeof fstatSync>;
  try {
    kind = fstatSync(fd);
  } catch {
    return (bytes) => bytes.length;
  }
  if (kind.isFile()) return (bytes) => writeSync(fd, bytes);
  if (kind.isSocket()) {
    const socket = Fd.adopt(fd);
    return (bytes) => {
      const sent = send(socket, bytes);
      if (sent === 'closed') throw new RangeError('nobody reads');
      return sent === 'again' ? 0 : sent;
    };
  }
  try {
    // Through an opening of our own: the flag of the inherited one is everybody's who has it.
    const own = openSync(
      `/proc/self/fd/${fd}`,
      constants.O_WRONLY | constants.O_APPEND | constants.O_NONBLOCK | constants.O_NOCTTY,
    );
    process.once('exit', () => closeSync(own));
    return (bytes) => unlessFull(() => writeSync(own, bytes));
  } catch {
    // A pipe of another user: what has room for anything has room for a piece.
    const borrowed = Fd.adopt(fd);
    return (bytes) => (canWrite(borrowed) ? unlessFull(() => writeSync(fd, bytes.subarray(0, PIECE))) : 0);
  }
}

function unlessFull(write: () => number): number {
  try {
    return write();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return 0;
    throw error;
  }
}
