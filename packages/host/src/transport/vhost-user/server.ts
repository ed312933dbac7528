// SPDX-License-Identifier: Apache-2.0
import { basename } from 'node:path';
import type { VirtioDevice } from '@paravideo/core';
import type { Log } from '../../log/index.ts';
import { DEFAULT_ARENA_BYTES, type GuestBudget, type MemoryPolicy } from '../../memory/index.ts';
import { type Fd, SysError } from '../../sys/index.ts';
import { type GuestClient, GuestCloser, type GuestContext, GuestSocket, GuestWall, MemoryFaultError } from '../common/index.ts';
import { VhostConnection } from './connection.ts';
import { GuestBackend } from './guest-backend.ts';
import { type HandlerOptions, VhostHandler } from './handler.ts';
import { VhostProtocolError } from './vhost-user-error.ts';

/** How a server is set up. */
export interface VhostServerOptions extends HandlerOptions {
  /** where to listen, at most 107 bytes; a socket that nobody listens on any more is replaced */
  readonly path: string;
  /** Makes the device of a front-end that connected; it is disposed when that front-end is gone. */
  readonly device: (guest: GuestContext) => VirtioDevice;
  readonly log: Log;
  /** which files may be guest memory; `checked` unless told */
  readonly memory?: MemoryPolicy;
  /** bytes of each guest's arena, a multiple of ARENA_ALIGN up to 2 GiB (the default; sparse) */
  readonly arenaBytes?: number;
  /** what a front-end that connects may have; asked for each */
  readonly budget?: () => GuestBudget;
}

/** A vhost-user device at a Unix socket, for one front-end at a time. */
export class VhostUserServer implements AsyncDisposable {
  readonly path: string;
  readonly #o: VhostServerOptions;
  readonly #socket: GuestSocket;
  #guest: GuestBackend | undefined;

  private constructor(o: VhostServerOptions) {
    this.#o = o;
    this.path = o.path;
    this.#socket = GuestSocket.listen({ path: o.path, log: o.log, serve: (fd, ended) => this.#serve(fd, ended) });
  }

  /**
   * Listens. Throws `SocketPathError` if somebody else does so at this path or something that is no socket lies there, and
   * `SysError` where the system refuses.
   */
  static listen(o: VhostServerOptions): VhostUserServer {
    return new VhostUserServer(o);
  }

  /** True while a front-end is connected. */
  get connected(): boolean {
    return this.#socket.connected;
  }

  /** True if the next one is served at once: nothing of the last is left. */
  get free(): boolean {
    return this.#socket.free;
  }

  /** The back-end of the front-end that is connected: for statistics and tests. */
  get guest(): GuestBackend | undefined {
    return this.connected ? this.#guest : undefined;
  }

  /** Ends the front-end's connection, gives everything back and removes the socket. */
  close(): Promise<void> {
    return this.#socket.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #serve(fd: Fd, ended: () => void): GuestClient {
    const wall: GuestWall = new GuestWall((error) => client.connection.close(error));
    const client = wall.run(() => this.#connect(fd, ended));
    return client;
  }

  #connect(fd: Fd, ended: () => void): GuestClient & { readonly connection: VhostConnection } {
    const { log } = this.#o;
    const guest = new GuestBackend({
      name: `paravideo-${basename(this.path)}`,
      arenaBytes: this.#o.arenaBytes ?? DEFAULT_ARENA_BYTES,
      policy: this.#o.memory ?? 'checked',
      make: this.#o.device,
      budget: this.#o.budget?.(),
      log,
      fault: () => connection.close(new MemoryFaultError()),
      configChanged: () => handler.configChanged(),
    });
    const closer = new GuestCloser();
    const handler: VhostHandler = new VhostHandler(guest, log, this.#o, closer);
    const gone = Promise.withResolvers<void>();
    let connection: VhostConnection;
    try {
      connection = new VhostConnection(
        fd,
        {
          message: (message) => handler.handle(connection, message),
          closed: (error) => {
            this.#report(error);
            handler.close();
            void guest[Symbol.asyncDispose]().then(gone.resolve);
            ended();
          },
        },
        { closer },
      );
    } catch (error) {
      // Nobody else knows of the guest yet.
      void guest[Symbol.asyncDispose]();
      throw error;
    }
    this.#guest = guest;
    return { connection, gone: gone.promise, closed: gone.promise.then(() => closer.settled()) };
  }

  #report(error: Error | undefined): void {
    const { log, path } = this.#o;
    if (error === undefined) log.info({ path }, 'front-end disconnected');
    else if (error instanceof VhostProtocolError) log.warn({ path, check: error.check }, `connection ended: ${error.message}`);
    else if (error instanceof MemoryFaultError) log.warn({ path }, `connection ended: ${error.message}`);
    else if (error instanceof SysError) log.warn({ path, err: error }, 'connection lost');
    else log.error({ path, err: error }, 'connection ended by an error of our own');
  }
}
