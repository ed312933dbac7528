// SPDX-License-Identifier: Apache-2.0
import {
  DeviceQueue,
  type RingLayout,
  VIRTIO_RING_F_EVENT_IDX,
  VIRTIO_RING_F_INDIRECT_DESC,
  VirtioPciDevice,
  type VirtioPciOwner,
} from '@paravideo/core';
import { Arena, HostGuestMemory } from '../../../packages/host/src/memory/index.ts';
import { GuestSocket, type Log } from '../../../packages/host/src/transport/index.ts';
import {
  DmaTable,
  type HandledFunction,
  Interrupts,
  PciRing,
  VfioConnection,
  VfioHandler,
} from '../../../packages/host/src/vfio-user/index.ts';
import { type EmptyDevice, EmptyQueue, VIRTIO_ID_RNG } from './empty-queue.ts';

const ARENA_BYTES = 65536;
const FEATURES = (1n << BigInt(VIRTIO_RING_F_INDIRECT_DESC)) | (1n << BigInt(VIRTIO_RING_F_EVENT_IDX));

/** A device that does nothing, on the same vfio-user as the daemon's: what is left of a round trip without virtio-media. */
class EmptyFunction implements HandledFunction, VirtioPciOwner, Disposable {
  readonly arena = Arena.create('paravideo-empty', ARENA_BYTES);
  readonly dma: DmaTable;
  readonly interrupts: Interrupts;
  readonly pci: VirtioPciDevice;
  readonly empty: EmptyQueue;
  readonly #memory = new HostGuestMemory();
  readonly #ring: PciRing;
  #rung = false;

  constructor(log: Log) {
    this.dma = new DmaTable(this.#memory);
    this.empty = new EmptyQueue(new DeviceQueue(this.#memory, { indirect: false, eventIdx: false }));
    this.#ring = new PciRing(this.empty.queue, this.#memory);
    this.pci = new VirtioPciDevice(
      { virtioId: VIRTIO_ID_RNG, features: FEATURES, queues: 1, configBytes: 0, sharedBytes: 0 },
      this,
    );
    this.interrupts = new Interrupts(this.pci.vectors, log);
  }

  readonly left: Promise<void> | undefined = undefined;

  settled(): Promise<void> | undefined {
    return undefined;
  }

  config(): Uint8Array {
    return new Uint8Array(0);
  }

  startQueue(_index: number, layout: RingLayout, features: bigint): boolean {
    const has = (n: number) => (features & (1n << BigInt(n))) !== 0n;
    const agreed = { indirect: has(VIRTIO_RING_F_INDIRECT_DESC), eventIdx: has(VIRTIO_RING_F_EVENT_IDX) };
    return this.#ring.start(layout, agreed) === undefined;
  }

  notify(): void {
    this.#rung = true;
  }

  raiseVector(n: number): void {
    this.interrupts.raise(n);
  }

  async reset(): Promise<void> {
    this.#ring.stop();
    this.interrupts.forget();
  }

  work(): void {
    if (!this.#rung || !this.#ring.running) return;
    this.#rung = false;
    if (this.empty.answer()) this.pci.interrupt(0);
  }

  memoryChanged(): void {
    if (this.#ring.memoryChanged()) this.#rung = true;
  }

  [Symbol.dispose](): void {
    this.#ring.stop();
    this.interrupts[Symbol.dispose]();
    this.#memory[Symbol.dispose]();
    this.arena[Symbol.dispose]();
  }
}

/** Serves it at a socket. */
export function serveEmptyFunction(path: string, log: Log): EmptyDevice {
  let current: EmptyFunction | undefined;
  const socket = GuestSocket.listen({
    path,
    log,
    serve: (fd, ended) => {
      const guest = new EmptyFunction(log);
      current = guest;
      const handler = new VfioHandler(guest, log);
      const gone = Promise.withResolvers<void>();
      const connection: VfioConnection = new VfioConnection(fd, {
        message: (message) => handler.handle(connection, message),
        closed: () => {
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
