// SPDX-License-Identifier: Apache-2.0
/**
 * A socket that carries messages of a header, which says how long the rest is, and a payload, with descriptors: framing and
 * order, whatever the protocol.
 *
 *     idle --message--> handling --answered--> idle
 *       \---(end of stream, malformed frame, handler says so)---/---> closed
 *
 * Messages are handed over one at a time, in order: while a handler's promise is pending nothing more is read. Descriptors
 * that a handler does not take (`Fd.take`, or by emptying the list) are closed.
 */
import { Fd, receive, SysError, send, watch, watchWritable } from '../../sys/index.ts';
import { GuestCloser } from './guest-closer.ts';
import { DisconnectedError } from './transport-error.ts';

/** One message as it came. */
export interface SocketFrame {
  readonly header: DataView;
  /** a view that is the message's own */
  readonly payload: DataView;
  /** what came with it; the handler takes what it wants and leaves the rest to be closed */
  readonly fds: Fd[];
  /** descriptors that were closed because no message has so many */
  readonly surplusFds: number;
}

/** What a protocol says about its frames. */
export interface SocketFraming {
  readonly headerBytes: number;
  /** descriptors of one message at most */
  readonly maxFds: number;
  /** Bytes that follow a header; throws what ends the connection. */
  payloadBytes(header: DataView): number;
  /** The reason why a connection ends whose other side broke the framing. */
  violation(what: 'half a message' | 'unread answers', message: string): Error;
}

/** What a socket tells its owner. */
export interface FrameEvents {
  /** May throw or reject: the connection then ends with that reason. */
  frame(frame: SocketFrame): void | Promise<void>;
  /** Called once. `error` is undefined for an orderly end of the stream. */
  closed(error: Error | undefined): void;
}

/** Messages handled in one turn of the event loop, so that a flood does not starve the rings (VU-V16). */
const MESSAGES_PER_TURN = 32;
/** Bytes read in one turn; the rest of a longer message follows in the next. */
export const BYTES_PER_TURN = 64 * 1024;
/** Milliseconds after which a turn takes no further message. */
const TURN_MILLISECONDS = 2;
/** Bytes that may wait for a peer that does not read, beside one message; more ends the connection. */
const MAX_PENDING_BYTES = 1 << 20;

/** How long the rest of a message may take to come, milliseconds; what came with it is held meanwhile. */
const HALF_MESSAGE_LIMIT = 10_000;

interface OutgoingFrame {
  bytes: Uint8Array;
  fds: Fd[];
}

/** One message socket. It owns the descriptor. */
export class FramedSocket implements Disposable {
  readonly #fd: Fd;
  readonly #framing: SocketFraming;
  readonly #events: FrameEvents;
  readonly #closer: GuestCloser;
  #header: Uint8Array;
  #headerBytes = 0;
  #payload: Uint8Array | undefined;
  #payloadBytes = 0;
  #fds: Fd[] = [];
  #surplus = 0;
  #reading: Disposable | undefined;
  #writing: Disposable | undefined;
  readonly #outgoing: OutgoingFrame[] = [];
  #outgoingBytes = 0;
  #late: NodeJS.Timeout | undefined;
  #heard = false;
  /** bytes that this turn may still read */
  #left = 0;
  #state: 'idle' | 'handling' | 'closed' = 'idle';

  /** `closer` closes what comes with messages, and in the end the connection. */
  constructor(fd: Fd, framing: SocketFraming, events: FrameEvents, closer: GuestCloser = new GuestCloser()) {
    // Duplicates that are watched go before it, and close nothing else.
    this.#fd = Fd.adopt(fd.take());
    this.#closer = closer;
    this.#framing = framing;
    this.#events = events;
    this.#header = new Uint8Array(framing.headerBytes);
    try {
      this.#reading = watch(this.#fd, () => this.#pump());
    } catch (error) {
      closer.closeConnection(this.#fd);
      throw error;
    }
  }

  /** True once a whole message has come. */
  get heard(): boolean {
    return this.#heard;
  }

  /** True until the connection ended. */
  get open(): boolean {
    return this.#state !== 'closed';
  }

  /**
   * Sends a whole message; what does not fit into the socket now follows later, in order. `fds` are borrowed: duplicates
   * are made where they have to wait. Throws `DisconnectedError` after the end; where the system refuses what sending needs
   * (descriptors), the connection ends.
   */
  send(bytes: Uint8Array, fds: readonly Fd[] = []): void {
    if (this.#state === 'closed') throw new DisconnectedError('the connection has ended');
    try {
      this.#post(bytes, fds);
    } catch (error) {
      if (!(error instanceof SysError)) throw error;
      this.#end(error);
    }
  }

  #post(bytes: Uint8Array, fds: readonly Fd[]): void {
    const sent = this.#outgoing.length === 0 ? this.#transmit(bytes, fds) : 0;
    if (sent === bytes.length || sent === 'closed') return;
    const rest = bytes.subarray(sent);
    const waiting = this.#outgoingBytes;
    const message: OutgoingFrame = { bytes: rest, fds: [] };
    this.#outgoing.push(message);
    if (sent === 0) for (const fd of fds) message.fds.push(fd.dup());
    this.#outgoingBytes += rest.length;
    if (waiting > 0 && this.#outgoingBytes > MAX_PENDING_BYTES) {
      this.#end(this.#framing.violation('unread answers', `the other side leaves ${this.#outgoingBytes} bytes unread`));
      return;
    }
    this.#writing ??= watchWritable(this.#fd, () => this.#flush());
  }

  /** Looks at the socket now, without waiting for the event loop: notices a peer that is gone. */
  poll(): void {
    this.#pump();
  }

  /** Ends the connection, with a reason if it is not an orderly end. */
  close(error?: Error): void {
    this.#end(error);
  }

  [Symbol.dispose](): void {
    this.#end(undefined);
  }

  #transmit(bytes: Uint8Array, fds: readonly Fd[]): number | 'closed' {
    try {
      const sent = send(this.#fd, bytes, fds);
      if (sent === 'again') return 0;
      // The reading side notices the end of the stream; what is still to be read there comes first.
      return sent;
    } catch (error) {
      if (!(error instanceof SysError)) throw error;
      this.#end(error);
      return 'closed';
    }
  }

  #flush(): void {
    for (let next = this.#outgoing[0]; next !== undefined; next = this.#outgoing[0]) {
      const sent = this.#transmit(next.bytes, next.fds);
      if (this.#state === 'closed') return;
      if (sent === 0) return;
      this.#outgoingBytes -= sent === 'closed' ? next.bytes.length : sent;
      for (const fd of next.fds) fd.close();
      next.fds = [];
      if (sent === 'closed' || sent === next.bytes.length) this.#outgoing.shift();
      else next.bytes = next.bytes.subarray(sent);
    }
    this.#writing?.[Symbol.dispose]();
    this.#writing = undefined;
  }

  #pump(): void {
    this.#left = BYTES_PER_TURN;
    const end = performance.now() + TURN_MILLISECONDS;
    try {
      for (let i = 0; i < MESSAGES_PER_TURN && this.#state === 'idle'; i++) {
        const frame = this.#next();
        if (frame === undefined) return this.#limit();
        this.#hand(frame);
        if (performance.now() >= end) return;
      }
    } catch (error) {
      this.#end(asError(error));
    }
  }

  /** Half a message holds descriptors and the place of another: its rest must come soon. */
  #limit(): void {
    if (this.#headerBytes === 0 || this.#state === 'closed') return;
    this.#late ??= setTimeout(() => {
      const what = `the rest of a message did not come within ${HALF_MESSAGE_LIMIT / 1000} s`;
      this.#end(this.#framing.violation('half a message', what));
    }, HALF_MESSAGE_LIMIT);
  }

  /** The next whole message, if all of it has come. */
  #next(): SocketFrame | undefined {
    while (this.#headerBytes < this.#header.length) {
      const got = this.#receive(this.#header.subarray(this.#headerBytes));
      if (got === undefined) return undefined;
      this.#headerBytes += got;
    }
    const header = new DataView(this.#header.buffer);
    if (this.#payload === undefined) {
      this.#payload = new Uint8Array(this.#framing.payloadBytes(header));
      this.#payloadBytes = 0;
    }
    const payload = this.#payload;
    while (this.#payloadBytes < payload.length) {
      const got = this.#receive(payload.subarray(this.#payloadBytes));
      if (got === undefined) return undefined;
      this.#payloadBytes += got;
    }
    const frame: SocketFrame = { header, payload: new DataView(payload.buffer), fds: this.#fds, surplusFds: this.#surplus };
    this.#header = new Uint8Array(this.#framing.headerBytes);
    this.#headerBytes = 0;
    clearTimeout(this.#late);
    this.#late = undefined;
    this.#heard = true;
    this.#payload = undefined;
    this.#fds = [];
    this.#surplus = 0;
    return frame;
  }

  /** Bytes received, or undefined if there are none now, the turn has had its share or the stream ended. */
  #receive(wanted: Uint8Array): number | undefined {
    if (this.#left === 0) return undefined;
    const into = wanted.subarray(0, this.#left);
    const got = receive(this.#fd, into, this.#framing.maxFds - this.#fds.length, this.#closer);
    if (got === 'again') return undefined;
    if (got === 'closed') {
      const half =
        this.#headerBytes > 0 ? this.#framing.violation('half a message', 'the stream ended inside a message') : undefined;
      this.#end(half);
      return undefined;
    }
    this.#fds.push(...got.fds);
    this.#surplus += got.surplus;
    this.#left -= got.bytes;
    return got.bytes;
  }

  #hand(frame: SocketFrame): void {
    let pending: void | Promise<void>;
    try {
      pending = this.#events.frame(frame);
    } catch (error) {
      for (const fd of frame.fds) fd.close();
      throw error;
    }
    if (pending === undefined) {
      for (const fd of frame.fds) fd.close();
      if (!this.#closer.full) return;
      pending = this.#closer.settled();
    }
    this.#state = 'handling';
    this.#reading?.[Symbol.dispose]();
    this.#reading = undefined;
    pending.then(
      () => this.#resume(frame, undefined),
      (error: unknown) => this.#resume(frame, asError(error)),
    );
  }

  #resume(frame: SocketFrame, error: Error | undefined): void {
    for (const fd of frame.fds.splice(0)) fd.close();
    if (this.#state !== 'handling') return;
    if (error !== undefined) return this.#end(error);
    if (this.#closer.full) return void this.#closer.settled().then(() => this.#resume(frame, undefined));
    this.#state = 'idle';
    try {
      this.#reading = watch(this.#fd, () => this.#pump());
    } catch (failure) {
      return this.#end(asError(failure));
    }
    this.#pump();
  }

  #end(error: Error | undefined): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    clearTimeout(this.#late);
    this.#reading?.[Symbol.dispose]();
    this.#writing?.[Symbol.dispose]();
    for (const fd of this.#fds) fd.close();
    for (const { fds } of this.#outgoing) for (const fd of fds) fd.close();
    this.#outgoing.length = 0;
    this.#closer.closeConnection(this.#fd);
    this.#events.closed(error);
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new TypeError(`thrown: ${String(error)}`);
}
