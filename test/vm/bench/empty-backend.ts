// SPDX-License-Identifier: Apache-2.0
import { DeviceQueue, type RingFeatures } from '@paravideo/core';
import { Arena, HostGuestMemory } from '../../../packages/host/src/memory/index.ts';
import { GuestSocket, type Log } from '../../../packages/host/src/transport/index.ts';
import {
  Connection,
  type HandledGuest,
  Handler,
  MemoryTable,
  ShmemWindow,
  Vring,
  type VringOwner,
} from '../../../packages/host/src/vhost-user/index.ts';
import { type EmptyDevice, EmptyQueue } from './empty-queue.ts';

const ARENA_BYTES = 65536;

/** A device that does nothing, on the same vhost-user as the daemon's: what is left of a round trip without virtio-media. */
class EmptyBackend implements HandledGuest, VringOwner, Disposable {
  readonly table: MemoryTable;
  readonly window: ShmemWindow;
  readonly rings: readonly Vring[];
  readonly log: Log;
  readonly empty: EmptyQueue;
  readonly #memory = new HostGuestMemory();
  readonly #arena = Arena.create('paravideo-empty', ARENA_BYTES);

  constructor(log: Log) {
    this.log = log;
    this.table = new MemoryTable(this.#memory);
    this.window = new ShmemWindow(this.#arena);
    this.empty = new EmptyQueue(new DeviceQueue(this.#memory, { indirect: false, eventIdx: false }));
    this.rings = [new Vring(0, this.empty.queue, this)];
  }

  kick(index: number): boolean {
    if (this.empty.answer()) this.rings[index]?.notify();
    return false;
  }

  config(): Uint8Array {
    return new Uint8Array(0);
  }

  negotiate(features: RingFeatures): boolean {
    if (this.rings.some((ring) => ring.queue.running)) return false;
    for (const ring of this.rings) ring.queue.negotiate(features);
    return true;
  }

  startRings(): void {
    for (const ring of this.rings) if (ring.start()) ring.look();
  }

  memoryChanged(): void {
    for (const ring of this.rings) ring.memoryChanged();
    this.startRings();
  }

  async stopRing(ring: Vring): Promise<number> {
    return ring.stop();
  }

  async takeBase(ring: Vring): Promise<number> {
    const next = ring.stop();
    ring.forgetKick();
    return next;
  }

  async setBase(ring: Vring, base: number): Promise<void> {
    ring.setBase(base);
  }

  async reset(): Promise<void> {
    for (const ring of this.rings) ring.stop();
  }

  [Symbol.dispose](): void {
    for (const ring of this.rings) ring[Symbol.dispose]();
    this.#memory[Symbol.dispose]();
    this.#arena[Symbol.dispose]();
  }
}

/** Serves it at a socket. */
export function serveEmptyBackend(path: string, log: Log): EmptyDevice {
  let current: EmptyBackend | undefined;
  const socket = GuestSocket.listen({
    path,
    log,
    serve: (fd, ended) => {
      const guest = new EmptyBackend(log);
      current = guest;
      const handler = new Handler(guest, log);
      const gone = Promise.withResolvers<void>();
      const connection: Connection = new Connection(fd, {
        message: (message) => handler.handle(connection, message),
        closed: () => {
          handler.close();
          guest[Symbol.dispose]();
          gone.resolve();
          ended();
        },
      });
      return { connection, gone: gone.promise };
    },
  });
  return {
    get answered() {
      return current?.empty.answered ?? 0;
    },
    [Symbol.asyncDispose]: () => socket.close(),
  };
}
