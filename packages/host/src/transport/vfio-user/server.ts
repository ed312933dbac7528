// SPDX-License-Identifier: Apache-2.0
import { basename } from 'node:path';
import type { VirtioDevice } from '@paravideo/core';
import type { Log } from '../../log/index.ts';
import { ArenaError, type GuestBudget, MAX_ARENA_BYTES, type MemoryPolicy } from '../../memory/index.ts';
import { type Fd, SysError } from '../../sys/index.ts';
import { type GuestClient, GuestCloser, type GuestContext, GuestSocket, GuestWall, MemoryFaultError } from '../common/index.ts';
import { VfioConnection } from './connection.ts';
import { VfioHandler } from './handler.ts';
import { PciGuest } from './pci-guest.ts';
import { VfioProtocolError } from './vfio-user-error.ts';

/** Size of a guest's arena unless told otherwise: it is a region of the device, and has to fit into the guest's bus. */
export const DEFAULT_VFIO_ARENA_BYTES: number = 2 ** 28;

/** How a server is set up. */
export interface VfioServerOptions {
  /** where to listen, at most 107 bytes; a socket that nobody listens on any more is replaced */
  readonly path: string;
  /** Makes the device of a client that connected; it is disposed when that client is gone. */
  readonly device: (guest: GuestContext) => VirtioDevice;
  readonly log: Log;
  /** which files may be guest memory; `checked` unless told */
  readonly memory?: MemoryPolicy;
  /** bytes of each guest's arena, a power of two from 64 KiB to 2 GiB; default 256 MiB, sparse */
  readonly arenaBytes?: number;
  /** what a front-end that connects may have; asked for each */
  readonly budget?: () => GuestBudget;
  /**
   * Whether the arena is shared memory region 0, a memory region of the function; true unless told. Without it drivers have to use
   * pages of the guest, and QEMU waits for no answer to a doorbell.
   */
  readonly shared?: boolean;
}

/** A vfio-user device, a whole PCI function, at a Unix socket, for one client at a time. */
export class VfioUserServer implements AsyncDisposable {
  readonly path: string;
  readonly #o: VfioServerOptions;
  readonly #arenaBytes: number;
  readonly #socket: GuestSocket;
  #guest: PciGuest | undefined;

  private constructor(o: VfioServerOptions) {
    this.#o = o;
    this.path = o.path;
    this.#arenaBytes = o.arenaBytes ?? DEFAULT_VFIO_ARENA_BYTES;
    if (!Number.isInteger(Math.log2(this.#arenaBytes)) || this.#arenaBytes < 65536 || this.#arenaBytes > MAX_ARENA_BYTES) {
      throw new ArenaError(`an arena of ${this.#arenaBytes} bytes: choose a power of two from 65536 to ${MAX_ARENA_BYTES}`);
    }
    this.#socket = GuestSocket.listen({ path: o.path, log: o.log, serve: (fd, ended) => this.#serve(fd, ended) });
  }

  /**
   * Listens. Throws `SocketPathError` if somebody else does so at this path or something that is no socket lies there,
   * `ArenaError` for a size that no region can have, and `SysError` where the system refuses.
   */
  static listen(o: VfioServerOptions): VfioUserServer {
    return new VfioUserServer(o);
  }

  /** True while a client is connected. */
  get connected(): boolean {
    return this.#socket.connected;
  }

  /** True if the next one is served at once: nothing of the last is left. */
  get free(): boolean {
    return this.#socket.free;
  }

  /** The device of the client that is connected: for statistics and tests. */
  get guest(): PciGuest | undefined {
    return this.connected ? this.#guest : undefined;
  }

  /** Ends the client's connection, gives everything back and removes the socket. */
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

  #connect(fd: Fd, ended: () => void): GuestClient & { readonly connection: VfioConnection } {
    const { log } = this.#o;
    const guest = new PciGuest({
      name: `paravideo-${basename(this.path)}`,
      arenaBytes: this.#arenaBytes,
      shared: this.#o.shared ?? true,
      policy: this.#o.memory ?? 'checked',
      make: this.#o.device,
      budget: this.#o.budget?.(),
      log,
      fault: () => connection.close(new MemoryFaultError()),
    });
    const handler = new VfioHandler(guest, log);
    const gone = Promise.withResolvers<void>();
    const closer = new GuestCloser();
    let connection: VfioConnection;
    try {
      connection = new VfioConnection(
        fd,
        {
          message: (message) => handler.handle(connection, message),
          closed: (error) => {
            this.#report(error);
            void guest[Symbol.asyncDispose]().then(gone.resolve);
            ended();
          },
        },
        closer,
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
    if (error === undefined) log.info({ path }, 'client disconnected');
    else if (error instanceof VfioProtocolError) log.warn({ path }, `connection ended: ${error.message}`);
    else if (error instanceof MemoryFaultError) log.warn({ path }, `connection ended: ${error.message}`);
    else if (error instanceof SysError) log.warn({ path, err: error }, 'connection lost');
    else log.error({ path, err: error }, 'connection ended by an error of our own');
  }
}
