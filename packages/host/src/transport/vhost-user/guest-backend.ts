// SPDX-License-Identifier: Apache-2.0
/**
 * The device of one front-end: its arena, its view of the guest's memory, its window, its rings and the virtio device between them.
 * It knows what a front-end may ask for, not how that travels.
 */
import { leadingQueue, makeQueue, type RingFeatures, sameRingFeatures, type VirtioDevice } from '@paravideo/core';
import type { Log } from '../../log/index.ts';
import { Arena, type GuestBudget, HostGuestMemory, type MemoryPolicy } from '../../memory/index.ts';
import { type GuestContext, polling, within } from '../common/index.ts';
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
  readonly device: VirtioDevice;
  /** true while the device is to go on with what it has, from the event loop */
  #again = false;
  /** the ring that tells which driver is there */
  readonly #leader: Vring | undefined;
  /** the ring features of the driver that was here last */
  #known: RingFeatures | undefined;
  /** the feature bits of the device type that the driver accepted */
  #accepted = 0n;
  /** true if the next driver is known to be another one */
  #anew = false;
  #disposed = false;

  /** Throws what `make` throws, with nothing left behind. */
  constructor(o: {
    name: string;
    arenaBytes: number;
    budget?: GuestBudget | undefined;
    policy?: MemoryPolicy;
    make: (guest: GuestContext) => VirtioDevice;
    log: Log;
    /** a page of the guest's memory, or of the arena, was gone when it was touched */
    fault?: () => void;
    /** the configuration bytes have changed */
    configChanged?: () => void;
  }) {
    this.log = o.log;
    const fault = (): void => o.fault?.();
    this.arena = Arena.create(o.name, o.arenaBytes, fault, o.budget?.buffers);
    this.memory = new HostGuestMemory(
      o.policy,
      {
        fault,
        shrinkable: () =>
          this.log.warn({}, 'guest memory is in a file that can be shrunk under us: a memfd that may be sealed is safer'),
      },
      o.budget?.addresses,
    );
    this.window = new ShmemWindow(this.arena);
    this.table = new MemoryTable(this.memory);
    try {
      this.device = o.make({ arena: this.arena, memory: this.memory, window: this.window, budget: o.budget?.buffers });
    } catch (error) {
      this.arena[Symbol.dispose]();
      throw error;
    }
    this.rings = this.device.queues.map((role, index) => new Vring(index, role, makeQueue(this.memory), this));
    this.#leader = this.rings[leadingQueue(this.device.queues)];
    this.device.attach({
      queues: this.rings.map(({ queue }) => queue),
      notify: (queue) => this.rings[queue]?.notify(),
      again: () => this.#soon(),
      configChanged: () => o.configChanged?.(),
      now: () => performance.now(),
      polling,
      onBug: (error) => this.log.error({ err: error }, 'a command failed for a reason of our own'),
    });
  }

  kick(index: number): boolean {
    return this.device.kick(index);
  }

  /** Features of the rings and of the device type, for rings that do not run. False if a ring runs: they stay as they are. */
  negotiate(features: RingFeatures, accepted: bigint): boolean {
    if (this.rings.some((ring) => ring.queue.running)) return false;
    for (const ring of this.rings) {
      ring.queue.negotiate(features);
      // Only another driver wants others.
      if (this.#known !== undefined && !sameRingFeatures(this.#known, features)) this.#anew = true;
    }
    if (this.#known !== undefined && this.#accepted !== accepted) this.#anew = true;
    this.#known = features;
    this.#accepted = accepted;
    this.device.negotiated(accepted);
    return true;
  }

  /**
   * Starts each ring that has become complete, and looks at it without waiting for a kick (P16). A reset and a pause look the
   * same while they last, and what follows tells them apart: the leading ring that was stopped goes on, or another begins,
   * and then nothing of the last driver is left when this resolves.
   */
  startRings(): void | Promise<void> {
    const leader = this.#leader;
    if (leader?.complete && (this.#anew || !leader.resumes)) {
      this.log.info({}, 'the driver starts anew: all sessions are dropped');
      return this.#reset().then(() => this.#startRings());
    }
    this.#startRings();
  }

  #startRings(): void {
    const leader = this.#leader;
    for (const ring of this.rings) {
      // All rings belong to the driver that the leading ring belongs to: whose that is must be known first.
      if (ring !== leader && leader?.queue.stopped) continue;
      if (!ring.complete) continue;
      this.memory.gate.reopen();
      if (!ring.start()) {
        if (this.#stopped) void this.memory.gate.close();
        continue;
      }
      this.log.debug({ ring: ring.index }, 'ring started');
      this.window.resume();
      ring.look();
    }
  }

  /** True if no ring runs: then guest memory is the guest's alone. */
  get #stopped(): boolean {
    return this.rings.every((ring) => !ring.queue.running);
  }

  /** After a change of the memory table; settled when no copy touches what has gone from it. */
  memoryChanged(): void | Promise<void> {
    for (const ring of this.rings) ring.memoryChanged();
    const copies = this.memory.gate.ended();
    const started = this.startRings();
    return copies === undefined ? started : copies.then(() => started);
  }

  /**
   * Stops a ring. One that is answered first answers what it has taken: a driver that was paused must find every answer, for
   * the front-end goes on after the index that is returned here. What waits for the front-end is refused, since the
   * front-end is waiting for us. With the last ring every access to guest memory has ended; sessions and streams stay.
   */
  async stopRing(ring: Vring): Promise<number> {
    ring.beginDrain();
    if (ring.role === 'answered' && ring.state === 'draining') {
      this.window.giveUp();
      const idle = await within(this.device.idle(), DRAIN_LIMIT);
      if (!idle)
        this.log.warn(
          { ring: ring.index },
          `commands were still unanswered after ${DRAIN_LIMIT} ms: the ring stops without them`,
        );
    }
    const next = ring.stop();
    if (this.#stopped) {
      this.window.suspend();
      await this.memory.gate.close();
    }
    return next;
  }

  /** GET_VRING_BASE: stops a ring for good, until it is set up again; sessions and buffers stay. */
  async takeBase(ring: Vring): Promise<number> {
    const next = await this.stopRing(ring);
    ring.forgetKick();
    return next;
  }

  /** RESET_DEVICE: as after creation, but for the connection and the memory table. */
  async reset(): Promise<void> {
    for (const ring of this.rings) {
      ring.stop();
      ring.enable(false);
      ring.forgetKick();
      ring.rewind();
    }
    this.window.suspend();
    const copies = this.memory.gate.close();
    this.log.info({}, 'device reset: all sessions are dropped');
    await this.#reset();
    await copies;
  }

  #soon(): void {
    if (this.#again) return;
    this.#again = true;
    setImmediate(() => {
      this.#again = false;
      this.device.resume();
      for (const ring of this.rings) if (ring.role === 'answered') ring.look();
    });
  }

  async #reset(): Promise<void> {
    this.#anew = false;
    for (const ring of this.rings) ring.queue.forget();
    const closed = this.device.reset();
    this.memory.gate.giveUp();
    if (!(await within(closed, DRAIN_LIMIT))) this.log.warn({}, 'sessions take long to close');
    this.device.negotiated(this.#accepted);
    this.window.reset();
  }

  /** The front-end is gone: ends sessions and the device, then gives back all memory and descriptors. Never rejects. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    for (const ring of this.rings) ring[Symbol.dispose]();
    this.window.connect(undefined);
    const copies = this.memory.gate.close();
    try {
      const closed = this.device.reset();
      this.memory.gate.giveUp();
      if (!(await within(closed, DRAIN_LIMIT))) this.log.warn({}, 'sessions take long to close: going on without them');
      if (!(await within(Promise.resolve(this.device[Symbol.asyncDispose]()), DRAIN_LIMIT))) {
        this.log.warn({}, 'the device takes long to close: going on without it');
      }
    } catch (error) {
      this.log.error({ err: error }, 'the device failed to close');
    }
    await within(copies, DRAIN_LIMIT);
    this.memory[Symbol.dispose]();
    await this.memory.unmapped();
    this.arena[Symbol.dispose]();
  }
}
