// SPDX-License-Identifier: Apache-2.0
import { rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import type { Duplex } from 'node:stream';
import { GuestError } from './guest-error.ts';
import { eachLine } from './lines.ts';

/** Exit status of what a restart of the guest ended, as of what a signal ends. */
const KILLED = 137;

interface Waiter {
  readonly resolve: (status: number) => void;
  readonly reject: (error: GuestError) => void;
}

/**
 * The line between the harness and the guest's init: a virtio-serial port, whose other end QEMU connects to a socket here, or a stream.
 * Commands are lines ("run 3"), and so are answers ("ready 2.31", "done 3 0"); everything bulky goes through the shared folder.
 */
export class AgentLink implements Disposable {
  readonly #server: Server | undefined;
  readonly #path: string | undefined;
  readonly #waiting = new Map<number, Waiter>();
  #socket: Duplex | undefined;
  #ready = Promise.withResolvers<number>();
  #starts = 0;
  #expected = true;

  private constructor(server?: Server, path?: string) {
    this.#server = server;
    this.#path = path;
    this.#ready.promise.catch(() => {});
    server?.on('connection', (socket) => this.#attach(socket));
  }

  /** Listens at `path`. */
  static async listen(path: string): Promise<AgentLink> {
    const server = createServer();
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(path, resolve));
    return new AgentLink(server, path);
  }

  /** The same over a stream whose other end the guest has. */
  static over(stream: Duplex): AgentLink {
    const link = new AgentLink();
    link.#attach(stream);
    return link;
  }

  /** Resolves to the guest's uptime in seconds when its init first answers. */
  get ready(): Promise<number> {
    return this.#ready.promise;
  }

  /** How often the guest's init started: more than once after a reboot. */
  get starts(): number {
    return this.#starts;
  }

  /** Makes `ready` wait for the next start of the guest's init. */
  expectRestart(): void {
    this.#expected = true;
    this.#ready = Promise.withResolvers<number>();
    this.#ready.promise.catch(() => {});
  }

  /** Starts job `id`, whose script lies in the shared folder; resolves to its exit status. */
  run(id: number): Promise<number> {
    const done = Promise.withResolvers<number>();
    this.#waiting.set(id, done);
    this.send(`run ${id}`);
    return done.promise;
  }

  /** Sends a line. Throws `GuestError` if the guest is not connected. */
  send(line: string): void {
    if (this.#socket === undefined) throw new GuestError(`the guest is not there to be told "${line}"`);
    this.#socket.write(`${line}\n`);
  }

  /** Fails everything that still waits. */
  fail(error: GuestError): void {
    this.#ready.reject(error);
    for (const waiter of this.#waiting.values()) waiter.reject(error);
    this.#waiting.clear();
  }

  [Symbol.dispose](): void {
    this.#socket?.destroy();
    this.#server?.close();
    if (this.#path !== undefined) rmSync(this.#path, { force: true });
  }

  #attach(socket: Duplex): void {
    this.#socket = socket;
    socket.on('error', () => {});
    socket.on('close', () => {
      if (this.#socket === socket) this.#socket = undefined;
    });
    eachLine(socket, (line) => this.#take(line.trim().split(' ')));
  }

  #take([verb, first, second]: readonly string[]): void {
    if (verb === 'ready') {
      this.#starts++;
      // who panicked and started again knows nothing of what it was told before
      if (!this.#expected) this.fail(new GuestError('the guest has restarted by itself: see its console'));
      this.#expected = false;
      for (const waiter of this.#waiting.values()) waiter.resolve(KILLED);
      this.#waiting.clear();
      this.#ready.resolve(Number(first));
    } else if (verb === 'done') {
      const id = Number(first);
      this.#waiting.get(id)?.resolve(Number(second));
      this.#waiting.delete(id);
    }
  }
}
