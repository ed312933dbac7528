// SPDX-License-Identifier: Apache-2.0
/** A socket that carries vhost-user messages. Both sides and both channels use it. */
import type { Fd } from '../../sys/index.ts';
import { FramedSocket, type GuestCloser, type SocketFrame, type SocketFraming } from '../common/index.ts';
import { FLAG_VERSION, FLAG_VERSION_MASK, MAX_REQUEST_BYTES, message_header } from './protocol.ts';
import { VhostProtocolError } from './vhost-user-error.ts';

/** One message as it came. */
export interface VhostMessage extends Omit<SocketFrame, 'header'> {
  readonly request: number;
  readonly flags: number;
}

/** What a connection tells its owner. */
export interface VhostConnectionEvents {
  /** May throw or reject: the connection then ends with that reason. */
  message(message: VhostMessage): void | Promise<void>;
  /** Called once. `error` is undefined for an orderly end of the stream. */
  closed(error: Error | undefined): void;
}

/** No message has more than the 8 of a memory table. */
const MAX_FDS = 8;

const f = message_header.fields;

/** One message socket. It owns the descriptor. */
export class VhostConnection implements Disposable {
  readonly #socket: FramedSocket;

  constructor(fd: Fd, events: VhostConnectionEvents, o: { maxBytes?: number; closer?: GuestCloser } = {}) {
    this.#socket = new FramedSocket(
      fd,
      framing(o.maxBytes ?? MAX_REQUEST_BYTES),
      {
        frame: ({ header, payload, fds, surplusFds }) =>
          events.message({ request: f.request.get(header, 0), flags: f.flags.get(header, 0), payload, fds, surplusFds }),
        closed: (error) => events.closed(error),
      },
      o.closer,
    );
  }

  /** True once a whole message has come. */
  get heard(): boolean {
    return this.#socket.heard;
  }

  /** True until the connection ended. */
  get open(): boolean {
    return this.#socket.open;
  }

  /**
   * Sends a message; what does not fit into the socket now follows later, in order. `fds` are borrowed: duplicates are made
   * where they have to wait. Throws `DisconnectedError` after the end.
   */
  send(request: number, flags: number, payload: Uint8Array, fds: readonly Fd[] = []): void {
    const bytes = new Uint8Array(message_header.size + payload.length);
    const view = new DataView(bytes.buffer);
    f.request.set(view, 0, request);
    f.flags.set(view, 0, FLAG_VERSION | flags);
    f.size.set(view, 0, payload.length);
    bytes.set(payload, message_header.size);
    this.#socket.send(bytes, fds);
  }

  /** Looks at the socket now, without waiting for the event loop: notices a peer that is gone. */
  poll(): void {
    this.#socket.poll();
  }

  /** Ends the connection, with a reason if it is not an orderly end. */
  close(error?: Error): void {
    this.#socket.close(error);
  }

  [Symbol.dispose](): void {
    this.#socket.close();
  }
}

/** VU-V1, VU-V17. */
function framing(maxBytes: number): SocketFraming {
  return {
    headerBytes: message_header.size,
    maxFds: MAX_FDS,
    payloadBytes: (header) => {
      const version = f.flags.get(header, 0) & FLAG_VERSION_MASK;
      const size = f.size.get(header, 0);
      if (version !== FLAG_VERSION) throw new VhostProtocolError('VU-V1', `message version ${version}, not 1`);
      if (size > maxBytes) throw new VhostProtocolError('VU-V1', `a payload of ${size} bytes; at most ${maxBytes} are taken`);
      return size;
    },
    violation: (what, message) => new VhostProtocolError(what === 'half a message' ? 'VU-V1' : 'VU-V17', message),
  };
}
