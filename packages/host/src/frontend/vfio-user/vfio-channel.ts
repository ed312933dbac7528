// SPDX-License-Identifier: Apache-2.0
import { constants } from 'node:os';
import { getSystemErrorName } from 'node:util';
import type { Fd } from '../../sys/index.ts';
import {
  Command,
  type CommandName,
  FLAG_ERROR,
  FLAG_TYPE_MASK,
  TYPE_COMMAND,
  TYPE_REPLY,
  VfioConnection,
  type VfioMessage,
  VfioProtocolError,
} from '../../transport/vfio-user/index.ts';
import { ANSWER_WITHIN, AnswerTimer } from '../answer-timer.ts';
import { FrontendError, type FrontendFailure } from '../frontend-error.ts';

/** A server's answer; its descriptors belong to whoever asked. */
export interface VfioReply {
  readonly payload: DataView;
  readonly fds: readonly Fd[];
}

interface WaitingCommand {
  readonly name: CommandName;
  resolve(reply: VfioReply): void;
  reject(error: Error): void;
}

/** The client's end of a vfio-user socket: commands by number, answers to them. */
export class VfioChannel implements Disposable {
  /** Resolves when the server is gone, or `close` was called. */
  readonly closed: Promise<string>;
  readonly #connection: VfioConnection;
  readonly #waiting = new Map<number, WaitingCommand>();
  readonly #timer: AnswerTimer;
  #next = 1;

  /** `firstWithin`: milliseconds that the server has for its first answer. */
  constructor(fd: Fd, firstWithin: number = ANSWER_WITHIN) {
    const closed = Promise.withResolvers<string>();
    this.closed = closed.promise;
    let failure: FrontendFailure = 'closed';
    this.#timer = new AnswerTimer(firstWithin, () => {
      failure = 'silent';
      this.#connection.close(new FrontendError('the server does not answer', failure));
    });
    this.#connection = new VfioConnection(fd, {
      message: (message) => this.#reply(message),
      closed: (error) => {
        this.#timer.stop();
        if (error instanceof VfioProtocolError) failure = 'garbled';
        const reason = error?.message ?? 'the server closed the connection';
        for (const { reject } of this.#waiting.values()) reject(new FrontendError(reason, failure));
        this.#waiting.clear();
        closed.resolve(reason);
      },
    });
  }

  /** Sends a command. Rejects with `FrontendError` if it was refused or the connection ends first. */
  request(name: CommandName, payload: Uint8Array = new Uint8Array(0), fds: readonly Fd[] = []): Promise<VfioReply> {
    if (!this.#connection.open) return Promise.reject(new FrontendError('the server is gone', 'closed'));
    const id = this.#next;
    this.#next = (this.#next + 1) & 0xffff;
    return new Promise((resolve, reject) => {
      this.#timer.asked(this.#waiting.size);
      this.#waiting.set(id, { name, resolve, reject });
      this.#connection.send({ id, command: Command[name], flags: TYPE_COMMAND }, payload, fds);
    });
  }

  [Symbol.dispose](): void {
    this.#connection.close();
  }

  #reply({ id, command, flags, error, payload, fds }: VfioMessage): void {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined || Command[waiting.name] !== command || (flags & FLAG_TYPE_MASK) !== TYPE_REPLY) {
      throw new VfioProtocolError(`message ${id} of the server, command ${command}, answers nothing that was asked`);
    }
    this.#waiting.delete(id);
    this.#timer.answered(this.#waiting.size);
    if ((flags & FLAG_ERROR) === 0) {
      waiting.resolve({ payload, fds: fds.splice(0) });
    } else {
      const known = Object.values(constants.errno).includes(error);
      waiting.reject(new FrontendError(`the server refused ${waiting.name} (${known ? getSystemErrorName(-error) : error})`));
    }
  }
}
