// SPDX-License-Identifier: Apache-2.0
/**
 * The back-end's own channel to the front-end. Requests are sent in order and answered in order; nobody ever blocks for an
 * answer, since the front-end may be waiting for us on the main channel at that moment (the deadlock rule).
 */
import type { Fd } from '../../sys/index.ts';
import type { GuestCloser } from '../common/index.ts';
import { VhostConnection, type VhostMessage } from './connection.ts';
import { FLAG_NEED_REPLY, FLAG_REPLY, u64_payload } from './protocol.ts';
import { VhostProtocolError } from './vhost-user-error.ts';

interface WaitingReply {
  readonly request: number;
  settle(granted: boolean): void;
}

/** The channel of SET_BACKEND_REQ_FD. Owns its socket. */
export class BackendChannel implements Disposable {
  readonly #connection: VhostConnection;
  readonly #waiting: WaitingReply[] = [];
  readonly #close: () => void;

  /** `ended` is told why the channel ended, once, if it was not this side that closed it. */
  constructor(fd: Fd, closer: GuestCloser, ended: (error: Error | undefined) => void) {
    let closing = false;
    this.#connection = new VhostConnection(
      fd,
      {
        message: (message) => this.#reply(message),
        closed: (error) => {
          for (const { settle } of this.#waiting.splice(0)) settle(false);
          if (!closing) ended(error);
        },
      },
      { closer },
    );
    this.#close = () => {
      closing = true;
      this.#connection.close();
    };
  }

  /** Sends a request; resolves to true if the front-end granted it, to false if it refused or went away. Never rejects. */
  request(request: number, payload: Uint8Array, fds: readonly Fd[] = []): Promise<boolean> {
    if (!this.#connection.open) return Promise.resolve(false);
    return new Promise((resolve) => {
      this.#waiting.push({ request, settle: resolve });
      this.#connection.send(request, FLAG_NEED_REPLY, payload, fds);
    });
  }

  [Symbol.dispose](): void {
    this.#close();
  }

  #reply(message: VhostMessage): void {
    const waiting = this.#waiting[0];
    if ((message.flags & FLAG_REPLY) === 0 || waiting === undefined || waiting.request !== message.request) {
      throw new VhostProtocolError('VU-V1', `message ${message.request} on the back-end channel answers nothing that was asked`);
    }
    if (message.payload.byteLength !== u64_payload.size) {
      throw new VhostProtocolError('VU-V2', `an acknowledgement of ${message.payload.byteLength} bytes, not ${u64_payload.size}`);
    }
    this.#waiting.shift();
    waiting.settle(u64_payload.fields.value.get(message.payload, 0) === 0n);
  }
}
