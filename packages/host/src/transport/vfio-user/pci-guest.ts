// SPDX-License-Identifier: Apache-2.0
/**
 * The device of one client: its arena, its view of the guest's memory, its window, its rings, the virtio device between them and
 * the PCI function around it. It knows what a client may ask for, not how that travels.
 */
import {
  DEVICE_FEATURES,
  makeQueue,
  RING_FEATURES,
  type RingLayout,
  ringFeatures,
  type VirtioDevice,
  VirtioPciDevice,
  type VirtioPciOwner,
} from '@paravideo/core';
import type { Log } from '../../log/index.ts';
import { Arena, type GuestBudget, HostGuestMemory, type MemoryPolicy } from '../../memory/index.ts';
import { type GuestContext, within } from '../common/index.ts';
import { DmaTable } from './dma-table.ts';
import { PciRing } from './pci-ring.ts';
import { VfioInterrupts } from './vfio-interrupts.ts';
import { WholeWindow } from './whole-window.ts';

/** How long a reset waits for sessions that close: less than the 5 s after which QEMU gives a message up. */
const RESET_LIMIT = 3000;

/** The device side of one connection. */
export class PciGuest implements VirtioPciOwner, AsyncDisposable {
  readonly arena: Arena;
  readonly memory: HostGuestMemory;
  readonly window: WholeWindow;
  readonly dma: DmaTable;
  readonly interrupts: VfioInterrupts;
  readonly pci: VirtioPciDevice;
  readonly log: Log;
  readonly device: VirtioDevice;
  readonly #rings: readonly PciRing[];
  /** rings whose doorbell was rung and that were not looked at yet */
  readonly #rung = new Set<number>();
  /** true while `work` is to come from the event loop: the rest of a backlog has its turn there, and only there */
  #again = false;
  /** settles when memory is let go of, as the guest asked by turning bus mastering off */
  #leaving: Promise<void> | undefined;
  #master = true;
  /** counts resets */
  #life = 0;
  #disposed = false;

  /**
   * `arenaBytes` is a power of two; `shared`: whether the arena is shared memory region 0. Throws what `make` throws, with nothing
   * left behind.
   */
  constructor(o: {
    name: string;
    arenaBytes: number;
    budget?: GuestBudget | undefined;
    shared: boolean;
    policy?: MemoryPolicy;
    /** a page of the guest's memory, or of the arena, was gone when it was touched */
    fault?: () => void;
    make: (guest: GuestContext) => VirtioDevice;
    log: Log;
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
    this.window = new WholeWindow(this.arena);
    this.dma = new DmaTable(this.memory);
    try {
      const { arena, memory } = this;
      this.device = o.make({ arena, memory, window: o.shared ? this.window : undefined, budget: o.budget?.buffers });
    } catch (error) {
      this.arena[Symbol.dispose]();
      throw error;
    }
    this.#rings = this.device.queues.map(() => new PciRing(makeQueue(this.memory), this.memory));
    this.pci = new VirtioPciDevice(
      {
        virtioId: this.device.id,
        features: RING_FEATURES | (this.device.features & DEVICE_FEATURES),
        queues: this.device.queues.length,
        configBytes: this.device.config().length,
        sharedBytes: this.device.sharedMemory ? this.arena.size : 0,
      },
      this,
    );
    this.interrupts = new VfioInterrupts(this.pci.vectors, this.log);
    this.device.attach({
      queues: this.#rings.map(({ queue }) => queue),
      notify: (queue) => this.pci.interrupt(queue),
      again: () => this.#soon(),
      configChanged: () => this.pci.configChanged(),
      now: () => performance.now(),
      onBug: (error) => this.log.error({ err: error }, 'a command failed for a reason of our own'),
    });
  }

  config(): Uint8Array {
    return this.device.config();
  }

  negotiated(features: bigint): void {
    this.device.negotiated(features & DEVICE_FEATURES);
  }

  startQueue(index: number, layout: RingLayout, features: bigint): boolean {
    // A driver that forbids memory and then wants a ring in it contradicts itself.
    if (this.#leaving !== undefined) return false;
    this.memory.gate.reopen();
    const error = this.#rings[index]?.start(layout, ringFeatures(features));
    if (error === undefined) this.log.debug({ ring: index }, 'ring started');
    else
      this.log.warn({ ring: index, code: error.code, err: error.message }, 'a ring that is not sound: the device needs a reset');
    return error === undefined;
  }

  /** Without bus mastering no byte of guest memory is touched; sessions and streams wait until it is on again. */
  busMaster(on: boolean): void {
    this.#master = on;
    if (!on && this.pci.state === 'live') this.#leaving ??= this.#leave();
    const left = this.#leaving;
    if (!on || left === undefined) return;
    void left.then(() => {
      if (this.#leaving !== left || !this.#master) return;
      this.#leaving = undefined;
      this.memory.gate.reopen();
      for (const [index, ring] of this.#rings.entries()) if (ring.letGo()) this.#rung.add(index);
      this.work();
    });
  }

  /** Settles when nothing touches guest memory any more, as the guest asked by turning bus mastering off. */
  get left(): Promise<void> | undefined {
    return this.#leaving;
  }

  /** Settles when no copy touches what has gone from guest memory, and it is unmapped; undefined if that is so now. */
  settled(): Promise<void> | undefined {
    const unmapped = this.memory.unmapped();
    const copies = this.memory.gate.ended();
    return unmapped === undefined ? copies : Promise.all([unmapped, copies]).then(() => {});
  }

  async #leave(): Promise<void> {
    const life = this.#life;
    // What was taken is answered first: an answer has no place to go to afterwards.
    if (!(await within(this.device.idle(), RESET_LIMIT))) this.log.warn({}, 'commands take long to end: they get no answer');
    if (life !== this.#life) return;
    for (const ring of this.#rings) ring.hold();
    await this.memory.gate.close();
  }

  /** Notes the queues that a write rang; `work` looks at them once the write was answered. */
  ring(queues: readonly number[]): void {
    for (const index of queues) this.#rung.add(index);
  }

  raiseVector(n: number): void {
    this.interrupts.raise(n);
  }

  readonly shared = {
    read: (offset: number, into: Uint8Array): void => into.set(this.arena.mapping.bytes().subarray(offset, offset + into.length)),
    write: (offset: number, from: Uint8Array): void => this.arena.mapping.bytes().set(from, offset),
  };

  /** Looks at the rings whose doorbells were rung, unless their turn is to come. */
  work(): void {
    if (this.#again) return;
    for (const index of [...this.#rung]) {
      this.#rung.delete(index);
      this.#look(index);
    }
  }

  /** After DMA_MAP or DMA_UNMAP. */
  memoryChanged(): void {
    for (const [index, ring] of this.#rings.entries()) {
      if (ring.memoryChanged()) this.#rung.add(index);
      this.#checkBroken(index);
    }
  }

  /** The driver set status 0, or the client resets the function. */
  async reset(): Promise<void> {
    this.#stop();
    const copies = this.memory.gate.close();
    this.log.info({}, 'device reset: all sessions are dropped');
    try {
      const closed = this.device.reset();
      this.memory.gate.giveUp();
      if (!(await within(closed, RESET_LIMIT))) this.log.warn({}, 'sessions take long to close');
    } catch (error) {
      this.log.error({ err: error }, 'the device failed to reset');
    }
    await copies;
    this.window.reset();
    this.interrupts.forget();
  }

  /** The client is gone: ends sessions and the device, then gives back all memory and descriptors. Never rejects. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#stop();
    this.interrupts[Symbol.dispose]();
    const copies = this.memory.gate.close();
    try {
      const closed = this.device.reset();
      this.memory.gate.giveUp();
      if (!(await within(closed, RESET_LIMIT))) this.log.warn({}, 'sessions take long to close: going on without them');
      if (!(await within(Promise.resolve(this.device[Symbol.asyncDispose]()), RESET_LIMIT))) {
        this.log.warn({}, 'the device takes long to close: going on without it');
      }
    } catch (error) {
      this.log.error({ err: error }, 'the device failed to close');
    }
    await within(copies, RESET_LIMIT);
    this.window.reset();
    this.memory[Symbol.dispose]();
    await this.memory.unmapped();
    this.arena[Symbol.dispose]();
  }

  #stop(): void {
    this.#rung.clear();
    this.#leaving = undefined;
    this.#life += 1;
    for (const ring of this.#rings) ring.stop();
  }

  #look(index: number): void {
    if (this.#rings[index]?.running !== true || this.#leaving !== undefined) return;
    const more = this.device.kick(index);
    this.#checkBroken(index);
    if (!more) return;
    this.#rung.add(index);
    this.#soon();
  }

  #soon(): void {
    if (this.#again) return;
    this.#again = true;
    setImmediate(() => {
      this.#again = false;
      this.device.resume();
      for (const [index, role] of this.device.queues.entries()) if (role === 'answered') this.#rung.add(index);
      this.work();
    });
  }

  #checkBroken(index: number): void {
    const error = this.#rings[index]?.error;
    if (error === undefined || this.pci.state !== 'live') return;
    this.log.warn({ ring: index, code: error.code, err: error.message }, 'a ring is broken: the device needs a reset');
    this.pci.needsReset();
  }
}
