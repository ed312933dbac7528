// SPDX-License-Identifier: Apache-2.0
/** A socket that carries vfio-user messages. Both sides use it. */
import type { Fd } from '../../sys/index.ts';
import { FramedSocket, type GuestCloser, type SocketFrame, type SocketFraming } from '../common/index.ts';
import { MAX_MESSAGE_BYTES, MAX_MESSAGE_FDS, vfio_header } from './protocol.ts';
import { VfioProtocolError } from './vfio-user-error.ts';

/** One message as it came. */
export interface VfioMessage extends Omit<SocketFrame, 'header'> {
  readonly id: number;
  readonly command: number;
  readonly flags: number;
  readonly error: number;
}

/** What a connection tells its owner. */
export interface VfioConnectionEvents {
  /** May throw or reject: the connection then ends with that reason. */
  message(message: VfioMessage): void | Promise<void>;
  /** Called once. `error` is undefined for an orderly end of the stream. */
  closed(error: Error | undefined): void;
}

const f = vfio_header.fields;

const framing: SocketFraming = {
  headerBytes: vfio_header.size,
  maxFds: MAX_MESSAGE_FDS,
  payloadBytes: (header) => {
    const size = f.size.get(header, 0);
    if (size < vfio_header.size || size > MAX_MESSAGE_BYTES) {
      throw new VfioProtocolError(`a message of ${size} bytes; ${vfio_header.size} to ${MAX_MESSAGE_BYTES} are taken`);
    }
    return size - vfio_header.size;
  },
  violation: (_what, message) => new VfioProtocolError(message),
};

/** One message socket. It owns the descriptor. */
export class VfioConnection implements Disposable {
  readonly #socket: FramedSocket;

  constructor(fd: Fd, events: VfioConnectionEvents, closer?: GuestCloser) {
    this.#socket = new FramedSocket(
      fd,
      framing,
      {
        frame: ({ header, payload, fds, surplusFds }) =>
          events.message({
            id: f.id.get(header, 0),
            command: f.command.get(header, 0),
            flags: f.flags.get(header, 0),
            error: f.error.get(header, 0),
            payload,
            fds,
            surplusFds,
          }),
        closed: (error) => events.closed(error),
      },
      closer,
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

  /** Sends a message; `fds` are borrowed. Throws `DisconnectedError` after the end. */
  send(head: { id: number; command: number; flags: number; error?: number }, payload: Uint8Array, fds: readonly Fd[] = []): void {
    const bytes = new Uint8Array(vfio_header.size + payload.length);
    const view = new DataView(bytes.buffer);
    f.id.set(view, 0, head.id);
    f.command.set(view, 0, head.command);
    f.size.set(view, 0, bytes.length);
    f.flags.set(view, 0, head.flags);
    f.error.set(view, 0, head.error ?? 0);
    bytes.set(payload, vfio_header.size);
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
