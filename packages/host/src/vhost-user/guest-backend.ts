// SPDX-License-Identifier: Apache-2.0
/**
 * The device of one front-end: its arena, its view of the guest's memory, its window, two rings and the virtio-media device
 * between them. It knows what a front-end may ask for, not how that travels.
 */
import { DeviceQueue, type RingFeatures, VIRTIO_MEDIA_COMMANDQ, VirtioMediaDevice } from '@paravideo/core';
import { Arena, HostGuestMemory, type MemoryPolicy } from '../memory/index.ts';
import { type GuestContext, type GuestDevice, type Log, within } from '../transport/index.ts';
import { MemoryTable } from './memory-table.ts';
import { ShmemWindow } from './shmem-window.ts';
import { Vring, type VringOwner } from './vring.ts';

/** How long a stop waits for commands that are not answered yet: less than the 5 s after which a driver gives up (P1). */
const DRAIN_LIMIT = 4000;

/** The back-end of one connection. */
export class GuestBackend implements VringOwner, AsyncDisposable {
  readonly arena: Arena;
  readonly memory: HostGuestMemory;
  readonly window: ShmemWindow;
  readonly table: MemoryTable;
  readonly rings: readonly Vring[];
  readonly log: Log;
  readonly #device: GuestDevice;
  readonly #media: VirtioMediaDevice;
  /** what GET_VRING_BASE of the command ring last answered */
  #lastBase: number | undefined;
  /** true while the device is to go on with what it has, from the event loop */
  #again = false;
  #disposed = false;

  /** Throws what `make` throws, with nothing left behind. */
  constructor(o: {
    name: string;
    arenaBytes: number;
    policy?: MemoryPolicy;
    make: (guest: GuestContext) => GuestDevice;
    log: Log;
    /** a page of the guest's memory, or of the arena, was gone when it was touched */
    fault?: () => void;
  }) {
    this.log = o.log;
    const fault = (): void => o.fault?.();
    this.arena = Arena.create(o.name, o.arenaBytes, fault);
    this.memory = new HostGuestMemory(o.policy, {
      fault,
      shrinkable: () =>
        this.log.warn({}, 'guest memory is in a file that can be shrunk under us: a memfd that may be sealed is safer'),
    });
    this.window = new ShmemWindow(this.arena);
    this.table = new MemoryTable(this.memory);
    try {
      this.#device = o.make({ arena: this.arena, memory: this.memory, window: this.window });
    } catch (error) {
      this.arena[Symbol.dispose]();
      throw error;
    }
    const features: RingFeatures = { indirect: false, eventIdx: false };
    const queues = { command: new DeviceQueue(this.memory, features), event: new DeviceQueue(this.memory, features) };
    this.rings = [new Vring(0, queues.command, this), new Vring(1, queues.event, this)];
    this.#media = new VirtioMediaDevice({
      device: this.#device,
      memory: this.memory,
      window: this.window,
      queues,
      notify: (queue) => this.rings[queue]?.notify(),
      again: () => this.#soon(),
      now: () => performance.now(),
      onBug: (error) => this.log.error({ err: error }, 'a command failed for a reason of our own'),
    });
  }

  /** The configuration space, 40 bytes. */
  config(): Uint8Array {
    return this.#media.config();
  }

  /** Counters of the device. */
  get stats(): VirtioMediaDevice['stats'] {
    return this.#media.stats;
  }

  kick(index: number): boolean {
    return this.#media.kick(index);
  }

  /** Ring features, for rings that do not run. False if a ring runs: they stay as they are. */
  negotiate(features: RingFeatures): boolean {
    if (this.rings.some((ring) => ring.queue.running)) return false;
    for (const ring of this.rings) ring.queue.negotiate(features);
    return true;
  }

  /** Starts each ring that has become complete, and looks at it without waiting for a kick (P16). */
  startRings(): void {
    for (const ring of this.rings) {
      if (!ring.start()) continue;
      this.log.debug({ ring: ring.index }, 'ring started');
      this.window.resume();
      ring.look();
    }
  }

  /** After a change of the memory table. */
  memoryChanged(): void {
    for (const ring of this.rings) ring.memoryChanged();
    this.startRings();
  }

  /**
   * Stops a ring. The command ring first answers what it has taken: a driver that was paused must find every answer, for
   * the front-end goes on after the index that is returned here. What waits for the front-end is refused, since the
   * front-end is waiting for us.
   */
  async stopRing(ring: Vring): Promise<number> {
    ring.beginDrain();
    if (ring.index === VIRTIO_MEDIA_COMMANDQ && ring.state === 'draining') {
      this.window.giveUp();
      const idle = await within(this.#media.idle(), DRAIN_LIMIT);
      if (!idle)
        this.log.warn(
          { ring: ring.index },
          `commands were still unanswered after ${DRAIN_LIMIT} ms: the ring stops without them`,
        );
    }
    const next = ring.stop();
    if (this.rings.every((other) => !other.queue.running)) this.window.suspend();
    return next;
  }

  /** GET_VRING_BASE: stops a ring for good, until it is set up again; sessions and buffers stay. */
  async takeBase(ring: Vring): Promise<number> {
    const next = await this.stopRing(ring);
    ring.forgetKick();
    if (ring.index === VIRTIO_MEDIA_COMMANDQ) this.#lastBase = next;
    return next;
  }

  /**
   * SET_VRING_BASE. A command ring that does not go on where it stopped belongs to a driver that starts from nothing: with
   * most front-ends that is all there is to tell a reset from a pause.
   */
  async setBase(ring: Vring, base: number): Promise<void> {
    ring.setBase(base);
    if (ring.index !== VIRTIO_MEDIA_COMMANDQ || this.#lastBase === undefined || this.#lastBase === base) return;
    this.log.info({ base, expected: this.#lastBase }, 'the driver starts anew: all sessions are dropped');
    await this.#reset();
  }

  /** RESET_DEVICE: as after creation, but for the connection and the memory table. */
  async reset(): Promise<void> {
    for (const ring of this.rings) {
      ring.stop();
      ring.enable(false);
      ring.forgetKick();
      ring.setBase(0);
    }
    this.window.suspend();
    this.log.info({}, 'device reset: all sessions are dropped');
    await this.#reset();
  }

  #soon(): void {
    if (this.#again) return;
    this.#again = true;
    setImmediate(() => {
      this.#again = false;
      this.#media.resume();
      this.rings[VIRTIO_MEDIA_COMMANDQ]?.look();
    });
  }

  async #reset(): Promise<void> {
    this.#lastBase = undefined;
    if (!(await within(this.#media.reset(), DRAIN_LIMIT))) this.log.warn({}, 'sessions take long to close');
    this.window.reset();
  }

  /** The front-end is gone: ends sessions and the device, then gives back all memory and descriptors. Never rejects. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    for (const ring of this.rings) ring[Symbol.dispose]();
    this.window.connect(undefined);
    try {
      if (!(await within(this.#media.close(), DRAIN_LIMIT)))
        this.log.warn({}, 'sessions take long to close: going on without them');
      if (!(await within(Promise.resolve(this.#device[Symbol.asyncDispose]()), DRAIN_LIMIT))) {
        this.log.warn({}, 'the device takes long to close: going on without it');
      }
    } catch (error) {
      this.log.error({ err: error }, 'the device failed to close');
    }
    this.memory[Symbol.dispose]();
    this.arena[Symbol.dispose]();
  }
}
