// SPDX-License-Identifier: Apache-2.0
/**
 * A device at a socket. One front-end at a time: a second one is turned away with a line in the log; one that comes while
 * the last one's device is being taken down waits until that is done. A front-end that goes, or breaks the protocol, takes
 * nothing but its own device with it, and the socket stays open for the next.
 */
import { lstatSync, unlinkSync } from 'node:fs';
import { constants } from 'node:os';
import { basename } from 'node:path';
import { DEFAULT_ARENA_BYTES } from '../memory/index.ts';
import { accept, connectUnix, type Fd, listenUnix, SysError, watch } from '../sys/index.ts';
import { Connection } from './connection.ts';
import { GuestBackend, type GuestContext, type GuestDevice } from './guest-backend.ts';
import { Handler, type HandlerOptions } from './handler.ts';
import type { Log } from './log.ts';
import { ProtocolError, VhostUserError } from './vhost-user-error.ts';

/** How a server is set up. */
export interface ServerOptions extends HandlerOptions {
  /** where to listen, at most 107 bytes; a socket that nobody listens on any more is replaced */
  readonly path: string;
  /** Makes the device of a front-end that connected; it is disposed when that front-end is gone. */
  readonly device: (guest: GuestContext) => GuestDevice;
  readonly log: Log;
  /** bytes of each guest's arena, a multiple of ARENA_ALIGN up to 2 GiB (the default; sparse) */
  readonly arenaBytes?: number;
}

interface Client {
  readonly connection: Connection;
  readonly guest: GuestBackend;
  /** settles when everything of this front-end is given back */
  readonly gone: Promise<void>;
}

type State =
  | { readonly kind: 'free' }
  | { readonly kind: 'busy'; readonly client: Client }
  /** the last front-end's device is being taken down; `next` waits for that */
  | { readonly kind: 'clearing'; readonly done: Promise<void>; next: Fd | undefined }
  | { readonly kind: 'closed' };

/** How long not to accept after an accept failed for lack of descriptors, milliseconds. */
const ACCEPT_PAUSE = 100;

/** A vhost-user media device at a Unix socket. */
export class VhostUserServer implements AsyncDisposable {
  readonly path: string;
  readonly #o: ServerOptions;
  readonly #log: Log;
  readonly #listener: Fd;
  /** the file that `close` may remove */
  readonly #inode: number;
  #watch: Disposable | undefined;
  #pause: NodeJS.Timeout | undefined;
  #state: State = { kind: 'free' };

  private constructor(o: ServerOptions, listener: Fd) {
    this.#o = o;
    this.path = o.path;
    this.#log = o.log;
    this.#listener = listener;
    this.#inode = lstatSync(o.path).ino;
    this.#watch = watch(listener, () => this.#accept());
  }

  /**
   * Listens. Throws `VhostUserError` if somebody else does so at this path or something that is no socket lies there, and
   * `SysError` where the system refuses.
   */
  static listen(o: ServerOptions): VhostUserServer {
    const listener = bindOrReplace(o.path);
    try {
      return new VhostUserServer(o, listener);
    } catch (error) {
      listener.close();
      throw error;
    }
  }

  /** True while a front-end is connected. */
  get connected(): boolean {
    return this.#state.kind === 'busy';
  }

  /** The back-end of the front-end that is connected: for statistics and tests. */
  get guest(): GuestBackend | undefined {
    return this.#state.kind === 'busy' ? this.#state.client.guest : undefined;
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
    try {
      if (lstatSync(this.path).ino === this.#inode) unlinkSync(this.path);
    } catch (error) {
      this.#log.debug({ err: error, path: this.path }, 'the socket was removed by somebody else');
    }
    if (state.kind === 'busy') {
      state.client.connection.close();
      await state.client.gone;
    } else if (state.kind === 'clearing') {
      state.next?.close();
      await state.done;
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #accept(): void {
    let fd: Fd | 'again';
    try {
      fd = accept(this.#listener);
    } catch (error) {
      if (!(error instanceof SysError)) throw error;
      this.#log.error({ err: error, path: this.path }, 'a connection could not be accepted');
      this.#watch?.[Symbol.dispose]();
      this.#pause = setTimeout(() => {
        this.#watch = watch(this.#listener, () => this.#accept());
      }, ACCEPT_PAUSE);
      return;
    }
    if (fd === 'again') return;
    // The old front-end may be gone without our having read so yet.
    if (this.#state.kind === 'busy') this.#state.client.connection.poll();
    const state = this.#state;
    if (state.kind === 'free') return this.#serve(fd);
    if (state.kind === 'clearing' && state.next === undefined) {
      state.next = fd;
      return;
    }
    this.#log.warn({ path: this.path }, 'a second front-end was turned away: this socket serves one at a time');
    fd.close();
  }

  #serve(fd: Fd): void {
    let guest: GuestBackend;
    try {
      guest = new GuestBackend({
        name: `paravideo-${basename(this.path)}`,
        arenaBytes: this.#o.arenaBytes ?? DEFAULT_ARENA_BYTES,
        make: this.#o.device,
        log: this.#log,
      });
    } catch (error) {
      fd.close();
      this.#log.error({ err: error, path: this.path }, 'the device could not be made: the front-end was turned away');
      return;
    }
    const handler = new Handler(guest, this.#log, this.#o);
    let gone: () => void = () => {};
    const client: Client = {
      guest,
      gone: new Promise((resolve) => {
        gone = resolve;
      }),
      connection: new Connection(fd, {
        message: (message) => handler.handle(client.connection, message),
        closed: (error) => {
          this.#report(error);
          handler.close();
          void guest[Symbol.asyncDispose]().then(gone);
          this.#clear(client);
        },
      }),
    };
    this.#state = { kind: 'busy', client };
    this.#log.info({ path: this.path }, 'front-end connected');
  }

  #report(error: Error | undefined): void {
    if (error === undefined) this.#log.info({ path: this.path }, 'front-end disconnected');
    else if (error instanceof ProtocolError)
      this.#log.warn({ path: this.path, check: error.check }, `connection ended: ${error.message}`);
    else if (error instanceof SysError) this.#log.warn({ path: this.path, err: error }, 'connection lost');
    else this.#log.error({ path: this.path, err: error }, 'connection ended by an error of our own');
  }

  #clear(client: Client): void {
    if (this.#state.kind !== 'busy') return;
    const state: State = { kind: 'clearing', done: client.gone, next: undefined };
    this.#state = state;
    void client.gone.then(() => {
      if (this.#state !== state) return;
      this.#state = { kind: 'free' };
      if (state.next !== undefined) this.#serve(state.next);
    });
  }
}

function bindOrReplace(path: string): Fd {
  try {
    return listenUnix(path);
  } catch (error) {
    if (!(error instanceof SysError) || error.errno !== constants.errno.EADDRINUSE) throw error;
  }
  if (!lstatSync(path).isSocket()) throw new VhostUserError(`${path} exists and is no socket: choose another path or remove it`);
  let other: Fd;
  try {
    other = connectUnix(path);
  } catch (error) {
    if (!(error instanceof SysError) || error.errno !== constants.errno.ECONNREFUSED) throw error;
    unlinkSync(path);
    return listenUnix(path);
  }
  other.close();
  throw new VhostUserError(`somebody listens at ${path} already: stop that process or choose another path`);
}
