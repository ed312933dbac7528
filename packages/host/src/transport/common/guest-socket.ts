// SPDX-License-Identifier: Apache-2.0
/**
 * A device at a Unix socket. One front-end at a time: a second one is turned away with a line in the log; one that comes
 * while the last one's device is being taken down waits until that is done. A front-end that goes, or breaks the protocol,
 * takes nothing but its own device with it, and the socket stays open for the next.
 */
import { lstatSync, unlinkSync } from 'node:fs';
import type { Log } from '../../log/index.ts';
import { accept, eventfd, type Fd, hungUp, listenOrReplace, SysError, watch } from '../../sys/index.ts';
import { GuestCloser } from './guest-closer.ts';
import { SocketPathError } from './transport-error.ts';

/** A front-end that is being served. */
export interface GuestClient {
  readonly connection: { readonly heard: boolean; poll(): void; close(): void };
  /** settles when everything of this front-end is given back, but for descriptors that are being closed; never rejects */
  readonly gone: Promise<void>;
  /** settles when its descriptors are closed, at once unless there is such a thing; never rejects */
  readonly closed?: Promise<void>;
}

/** How a socket is set up. */
export interface GuestSocketOptions {
  /** where to listen, at most 107 bytes; a socket that nobody listens on any more is replaced */
  readonly path: string;
  readonly log: Log;
  /** Serves a connection, whose descriptor it takes over. Calls `ended` once, when the connection has ended. Throws if that cannot be. */
  readonly serve: (fd: Fd, ended: () => void) => GuestClient;
}

type SocketState =
  | { readonly kind: 'free' }
  | { readonly kind: 'busy'; readonly client: GuestClient; readonly since: number }
  /** the last front-end's device is being taken down; `next` waits for that */
  | { readonly kind: 'clearing'; readonly done: Promise<void>; next: Fd | undefined }
  | { readonly kind: 'closed' };

/** How long a front-end keeps its place without a word while another asks for it, milliseconds. */
const SILENCE_LIMIT = 500;

/** How long not to accept after an accept failed and the spare descriptor was gone, milliseconds. */
const ACCEPT_PAUSE = 100;

/** See the top of the file. */
export class GuestSocket implements AsyncDisposable {
  readonly path: string;
  readonly #o: GuestSocketOptions;
  readonly #log: Log;
  readonly #listener: Fd;
  /** the file that `close` may remove */
  readonly #inode: number;
  /** given up for a moment where there is no other descriptor, so that a connection can be told that it is refused */
  #spare: Fd | undefined;
  #watch: Disposable | undefined;
  #pause: NodeJS.Timeout | undefined;
  #state: SocketState = { kind: 'free' };
  /** of front-ends that were never served */
  readonly #closer = new GuestCloser();

  private constructor(o: GuestSocketOptions, listener: Fd) {
    this.#o = o;
    this.path = o.path;
    this.#log = o.log;
    this.#listener = listener;
    this.#inode = lstatSync(o.path).ino;
    this.#spare = eventfd();
    try {
      this.#watch = watch(listener, () => this.#accept());
    } catch (error) {
      this.#spare.close();
      throw error;
    }
  }

  /**
   * Listens. Throws `SocketPathError` if somebody else does so at this path or something that is no socket lies there, and
   * `SysError` where the system refuses.
   */
  static listen(o: GuestSocketOptions): GuestSocket {
    const listener = bindOrReplace(o.path);
    try {
      return new GuestSocket(o, listener);
    } catch (error) {
      listener.close();
      throw error;
    }
  }

  /** True while a front-end is connected. */
  get connected(): boolean {
    return this.#state.kind === 'busy';
  }

  /** True if a front-end that connects now is served at once. */
  get free(): boolean {
    return this.#state.kind === 'free';
  }

  /** Ends the front-end's connection, gives everything back and removes the socket. */
  async close(): Promise<void> {
    const state = this.#state;
    if (state.kind === 'closed') return;
    this.#state = { kind: 'closed' };
    clearTimeout(this.#pause);
    this.#watch?.[Symbol.dispose]();
    this.#watch = undefined;
    this.#listener.close();
    this.#spare?.close();
    try {
      if (lstatSync(this.path).ino === this.#inode) unlinkSync(this.path);
    } catch (error) {
      this.#log.debug({ err: error, path: this.path }, 'the socket was removed by somebody else');
    }
    if (state.kind === 'busy') {
      state.client.connection.close();
      await state.client.gone;
    } else if (state.kind === 'clearing') {
      if (state.next !== undefined) this.#closer.closeConnection(state.next);
      await state.done;
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #accept(): void {
    let fd: Fd | 'again';
    try {
      this.#spare ??= eventfd();
      fd = accept(this.#listener);
    } catch (error) {
      if (!(error instanceof SysError)) throw error;
      this.#refuse(error);
      return;
    }
    if (fd === 'again') return;
    // The old front-end may be gone without our having read so yet.
    if (this.#state.kind === 'busy') this.#yield(this.#state);
    const state = this.#state;
    if (state.kind === 'free') return this.#serve(fd);
    if (state.kind === 'clearing' && (state.next === undefined || hungUp(state.next))) {
      if (state.next !== undefined) this.#turnAway(state.next);
      state.next = fd;
      return;
    }
    this.#log.warn({ path: this.path }, 'a second front-end was turned away: this socket serves one at a time');
    this.#turnAway(fd);
  }

  /** Ends a connection that was not served. Where too many of them wait to be closed, the next are not accepted until they are. */
  #turnAway(fd: Fd): void {
    this.#closer.closeConnection(fd);
    if (!this.#closer.full || this.#watch === undefined) return;
    this.#watch[Symbol.dispose]();
    this.#watch = undefined;
    void this.#closer.settled().then(() => this.#listenAgain());
  }

  /** A front-end that has not sent a whole message yet gives its place to another, which may be the guest that is meant. */
  #yield({ client, since }: { client: GuestClient; since: number }): void {
    client.connection.poll();
    if (this.#state.kind !== 'busy' || client.connection.heard || performance.now() - since < SILENCE_LIMIT) return;
    this.#log.warn({ path: this.path }, 'a front-end that has said nothing makes room for another');
    client.connection.close();
  }

  /** Nothing can be accepted: says so to whoever waits, by closing the connection, or waits a moment where even that cannot be. */
  #refuse(reason: SysError): void {
    this.#log.error({ err: reason, path: this.path }, 'a front-end was turned away: its connection could not be accepted');
    this.#spare?.close();
    this.#spare = undefined;
    try {
      const refused = accept(this.#listener);
      if (refused !== 'again') this.#closer.closeConnection(refused);
      this.#spare = eventfd();
    } catch {
      this.#watch?.[Symbol.dispose]();
      this.#watch = undefined;
      this.#pause = setTimeout(() => this.#listenAgain(), ACCEPT_PAUSE);
    }
  }

  #listenAgain(): void {
    if (this.#state.kind === 'closed' || this.#watch !== undefined) return;
    try {
      this.#watch = watch(this.#listener, () => this.#accept());
    } catch {
      this.#pause = setTimeout(() => this.#listenAgain(), ACCEPT_PAUSE);
    }
  }

  #serve(fd: Fd): void {
    try {
      const client = this.#o.serve(fd, () => this.#clear(client));
      this.#state = { kind: 'busy', client, since: performance.now() };
    } catch (error) {
      this.#turnAway(fd);
      this.#log.error({ err: error, path: this.path }, 'the device could not be made: the front-end was turned away');
      return;
    }
    this.#log.info({ path: this.path }, 'front-end connected');
  }

  #clear(client: GuestClient): void {
    if (this.#state.kind !== 'busy') return;
    const state: SocketState = { kind: 'clearing', done: client.gone, next: undefined };
    this.#state = state;
    void Promise.all([client.gone, client.closed]).then(() => {
      if (this.#state !== state) return;
      this.#state = { kind: 'free' };
      if (state.next !== undefined) this.#serve(state.next);
    });
  }
}

function bindOrReplace(path: string): Fd {
  const listener = listenOrReplace(path);
  if (listener === 'no socket') throw new SocketPathError(`${path} exists and is no socket: choose another path or remove it`);
  if (listener === 'in use')
    throw new SocketPathError(`somebody listens at ${path} already: stop that process or choose another path`);
  return listener;
}
