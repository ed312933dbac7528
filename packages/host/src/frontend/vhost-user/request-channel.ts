// SPDX-License-Identifier: Apache-2.0
import type { Fd } from '../../sys/index.ts';
import {
  FLAG_NEED_REPLY,
  FLAG_REPLY,
  Request,
  type RequestName,
  requestRules,
  SHMEM_CONFIG_BYTES,
  u64_payload,
  VhostConnection,
  type VhostMessage,
  VhostProtocolError,
} from '../../transport/vhost-user/index.ts';
import { ANSWER_WITHIN, AnswerTimer } from '../answer-timer.ts';
import { FrontendError, type FrontendFailure } from '../frontend-error.ts';

interface WaitingRequest {
  readonly request: number;
  resolve(payload: DataView): void;
  reject(error: Error): void;
}

/** The front-end's end of the main channel: requests in order, answers in order. */
export class RequestChannel implements Disposable {
  /** Resolves when the back-end is gone, or `close` was called. */
  readonly closed: Promise<string>;
  readonly #connection: VhostConnection;
  readonly #waiting: WaitingRequest[] = [];
  readonly #timer: AnswerTimer;
  /** True once REPLY_ACK is agreed on: from then on every request is acknowledged. */
  acknowledges = false;

  /** `firstWithin`: milliseconds that the back-end has for its first answer. */
  constructor(fd: Fd, firstWithin: number = ANSWER_WITHIN) {
    const closed = Promise.withResolvers<string>();
    this.closed = closed.promise;
    let failure: FrontendFailure = 'closed';
    this.#timer = new AnswerTimer(firstWithin, () => {
      failure = 'silent';
      this.#connection.close(new FrontendError('the back-end does not answer', failure));
    });
    this.#connection = new VhostConnection(
      fd,
      {
        message: (message) => this.#reply(message),
        closed: (error) => {
          this.#timer.stop();
          if (error instanceof VhostProtocolError) failure = 'garbled';
          const reason = error?.message ?? 'the back-end closed the connection';
          for (const { reject } of this.#waiting.splice(0)) reject(new FrontendError(reason, failure));
          closed.resolve(reason);
        },
      },
      { maxBytes: SHMEM_CONFIG_BYTES + 4096 },
    );
  }

  /**
   * Sends a request. Resolves to the payload of its answer; to an empty one where none comes. Rejects with
   * `FrontendError` if it was refused or the connection ends first.
   */
  async request(name: RequestName, payload: Uint8Array = new Uint8Array(0), fds: readonly Fd[] = []): Promise<DataView> {
    const answer = await this.raw(Request[name], payload, fds);
    if (requestRules.get(Request[name])?.replies === true || !this.acknowledges) return answer;
    if (answer.byteLength !== u64_payload.size)
      throw new FrontendError(`${name}: an acknowledgement of ${answer.byteLength} bytes`);
    const value = u64_payload.fields.value.get(answer, 0);
    if (value !== 0n) throw new FrontendError(`the back-end refused ${name} (${value})`);
    return answer;
  }

  /** The same for any request number, without a look at the answer. */
  raw(request: number, payload: Uint8Array, fds: readonly Fd[] = []): Promise<DataView> {
    const replies = requestRules.get(request)?.replies === true;
    if (!this.#connection.open) return Promise.reject(new FrontendError('the back-end is gone', 'closed'));
    if (!replies && !this.acknowledges) {
      this.#connection.send(request, 0, payload, fds);
      return Promise.resolve(new DataView(new ArrayBuffer(0)));
    }
    return new Promise((resolve, reject) => {
      this.#timer.asked(this.#waiting.length);
      this.#waiting.push({ request, resolve, reject });
      this.#connection.send(request, replies ? 0 : FLAG_NEED_REPLY, payload, fds);
    });
  }

  [Symbol.dispose](): void {
    this.#connection.close();
  }

  #reply(message: VhostMessage): void {
    const waiting = this.#waiting[0];
    if (waiting === undefined || waiting.request !== message.request || (message.flags & FLAG_REPLY) === 0) {
      throw new VhostProtocolError('VU-V1', `message ${message.request} of the back-end answers nothing that was asked`);
    }
    this.#waiting.shift();
    this.#timer.answered(this.#waiting.length);
    waiting.resolve(message.payload);
  }
}
