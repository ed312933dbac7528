// SPDX-License-Identifier: Apache-2.0
/**
 * A driver and a device in one heap: the same memory, the same rings, the same protocol as over a socket, with doorbells
 * and interrupts that ring in a microtask. Closing it is what a vanishing front-end is for the device.
 */
import type { GuestMemory } from '../memory/guest-memory.ts';
import { HeapAccess } from '../memory/heap/heap-access.ts';
import { HeapArena } from '../memory/heap/heap-arena.ts';
import { HeapWindow } from '../memory/heap/heap-window.ts';
import { MemoryGate } from '../memory/memory-gate.ts';
import { RangeAllocator } from '../memory/range-allocator.ts';
import { RegionMemory } from '../memory/region-memory.ts';
import { makeQueue } from '../virtqueue/make-queue.ts';
import { RING_FEATURES, type RingFeatures, type RingLayout, ringFeatures } from '../virtqueue/ring-layout.ts';
import type { TransportQueue } from '../virtqueue/virt-queue.ts';
import type { DriverTransport, GuestBlock } from './driver-transport.ts';
import { TransportError } from './transport-error.ts';
import type { VirtioDevice } from './virtio-device.ts';

/** What a device of this guest works with. */
export interface InProcessGuest {
  readonly memory: GuestMemory;
  readonly arena: HeapArena;
  readonly window: HeapWindow;
  readonly access: HeapAccess;
}

/** Options of an `InProcessTransport`. */
export interface InProcessOptions {
  /** ring features to offer and accept; default: both */
  readonly features?: Partial<RingFeatures>;
  /** feature bits of the device type that the driver accepts, where they are offered; default: none */
  readonly deviceFeatures?: bigint;
  /** bytes of guest memory, half of it below, half above 4 GiB; default 16 MiB */
  readonly memoryBytes?: number;
  /** default 64 MiB */
  readonly arenaBytes?: number;
  /** bytes of shared memory region 0; 0 for none; default twice the arena */
  readonly sharedBytes?: number;
  /** milliseconds of a clock that only rises, for what one wake-up may cost; default: the clock of the day */
  readonly now?: () => number;
}

interface QueuePlace {
  readonly queue: TransportQueue;
  listener: (() => void) | undefined;
  /** an interrupt, or a doorbell, is on its way */
  interrupted: boolean;
  rung: boolean;
  /** where the ring lies that was started last */
  layout: RingLayout | undefined;
}

const LOW_BASE = 0x10_0000;
const HIGH_BASE = 0x1_0000_0000;

/** See the top of the file. */
export class InProcessTransport implements DriverTransport {
  readonly memory: RegionMemory = new RegionMemory();
  readonly features: RingFeatures;
  readonly deviceFeatures: bigint;
  readonly arena: HeapArena;
  readonly window: HeapWindow;
  readonly access: HeapAccess;
  /** closed while no ring runs */
  readonly gate: MemoryGate = new MemoryGate();
  readonly closed: Promise<string>;
  /** errors of our own that the device was told of (`onBug`): empty after a good test */
  readonly bugs: unknown[] = [];
  /** the device at the other end */
  readonly device: VirtioDevice;
  readonly #places: readonly QueuePlace[];
  readonly #regions: readonly { base: number; bytes: Uint8Array; ranges: RangeAllocator }[];
  #configListener: (() => void) | undefined;
  /** rings that were stopped by `pause`, and where they go on */
  #paused: { readonly index: number; readonly layout: RingLayout; readonly next: number }[] = [];
  #state: 'open' | 'pausing' | 'paused' | 'closed' = 'open';
  #resolveClosed: (reason: string) => void = () => {};

  /** `make` makes the device of this guest; the transport disposes of it when it closes. */
  constructor(make: (guest: InProcessGuest) => VirtioDevice, o: InProcessOptions = {}) {
    this.features = { ...ringFeatures(RING_FEATURES), ...o.features };
    const half = Math.ceil((o.memoryBytes ?? 16 << 20) / 8192) * 4096;
    // High memory first: rings and payloads lie above 4 GiB unless a test asks otherwise, so 32-bit mistakes show.
    this.#regions = [HIGH_BASE, LOW_BASE].map((base) => ({
      base,
      bytes: new Uint8Array(half),
      ranges: new RangeAllocator(base, half),
    }));
    for (const { base, bytes } of this.#regions) this.memory.addRegion({ address: base, bytes });
    this.arena = new HeapArena(o.arenaBytes);
    this.window = new HeapWindow(this.arena, o.sharedBytes);
    this.access = new HeapAccess(this.arena, this.memory, this.gate);
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
    this.device = make({ memory: this.memory, arena: this.arena, window: this.window, access: this.access });
    this.#places = this.device.queues.map(() => ({
      queue: makeQueue(this.memory),
      listener: undefined,
      interrupted: false,
      rung: false,
      layout: undefined,
    }));
    for (const { queue } of this.#places) queue.negotiate(this.features);
    this.device.attach({
      queues: this.#places.map(({ queue }) => queue),
      notify: (index) => this.#interrupt(this.#place(index)),
      again: () => this.#again(),
      configChanged: () => void Promise.resolve().then(() => this.#configListener?.()),
      now: o.now ?? Date.now,
      onBug: (error) => this.bugs.push(error),
    });
    this.deviceFeatures = this.device.features & (o.deviceFeatures ?? 0n);
    this.device.negotiated(this.deviceFeatures);
  }

  get sharedLength(): number {
    return this.window.length;
  }

  allocate(length: number, align = 4096): GuestBlock {
    for (const { base, bytes, ranges } of this.#regions) {
      const address = ranges.take(Math.max(1, length), align);
      if (address === undefined) continue;
      const view = bytes.subarray(address - base, address - base + length);
      view.fill(0);
      let state: 'live' | 'free' = 'live';
      return {
        address,
        bytes: view,
        free: () => {
          if (state === 'live') ranges.give(address, Math.max(1, length));
          state = 'free';
        },
      };
    }
    throw new TransportError(`no guest memory left for ${length} bytes: raise memoryBytes`);
  }

  async readConfig(offset: number, length: number): Promise<Uint8Array> {
    return this.device.config().slice(offset, offset + length);
  }

  onConfigChange(listener: () => void): void {
    this.#configListener = listener;
  }

  /** The first ring that starts is another driver's. */
  async startQueue(index: number, layout: RingLayout): Promise<void> {
    const place = this.#place(index);
    if (this.#stopped && this.#places.some((one) => one.layout !== undefined)) {
      for (const one of this.#places) one.layout = undefined;
      const reset = this.device.reset();
      this.gate.giveUp();
      await reset;
      this.device.negotiated(this.deviceFeatures);
    }
    place.layout = layout;
    this.#begin(index, layout);
  }

  async stopQueue(index: number): Promise<number> {
    const next = this.#place(index).queue.stop();
    if (this.#stopped) await this.gate.close();
    return next;
  }

  async pause(): Promise<void> {
    if (this.#state !== 'open') throw new TransportError(`the transport is ${this.#state} and cannot be paused`);
    // Queues that are answered take no more, and what they have taken is answered.
    this.#state = 'pausing';
    await this.device.idle();
    this.#state = 'paused';
    for (const [index, { queue, layout }] of this.#places.entries()) {
      if (layout !== undefined && queue.running) this.#paused.push({ index, layout, next: queue.stop() });
    }
    await this.gate.close();
  }

  async resume(): Promise<void> {
    if (this.#state !== 'paused') throw new TransportError(`the transport is ${this.#state}, not paused`);
    this.#state = 'open';
    for (const { index, layout, next } of this.#paused.splice(0)) this.#begin(index, layout, next);
  }

  notify(index: number): void {
    this.#ring(index);
  }

  onInterrupt(index: number, listener: () => void): void {
    this.#place(index).listener = listener;
  }

  shared(offset: number, length: number): Uint8Array | undefined {
    return this.window.view(offset, length);
  }

  sharedAccess(offset: number): 'read' | 'read-write' | undefined {
    return this.window.access(offset);
  }

  async close(): Promise<void> {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    for (const { queue } of this.#places) if (queue.running) queue.stop();
    const reset = this.device.reset();
    this.gate.giveUp();
    await reset;
    await this.device[Symbol.asyncDispose]();
    this.#resolveClosed('the driver closed the transport');
  }

  get #stopped(): boolean {
    return this.#places.every(({ queue }) => !queue.running);
  }

  #place(index: number): QueuePlace {
    const place = this.#places[index];
    if (place === undefined) throw new TransportError(`the device has ${this.#places.length} queues: there is no queue ${index}`);
    return place;
  }

  #begin(index: number, layout: RingLayout, next?: number): void {
    this.gate.reopen();
    this.#place(index).queue.start(layout, next);
    this.#ring(index);
  }

  #again(): void {
    void Promise.resolve().then(() => {
      if (this.#state === 'open' || this.#state === 'pausing') this.device.resume();
      for (const [index, role] of this.device.queues.entries()) if (role === 'answered') this.#ring(index);
    });
  }

  #ring(index: number): void {
    const place = this.#place(index);
    if (place.rung) return;
    place.rung = true;
    void Promise.resolve().then(() => {
      place.rung = false;
      if (this.#state === 'open' && place.queue.running && this.device.kick(index)) this.#ring(index);
    });
  }

  #interrupt(place: QueuePlace): void {
    if (place.interrupted) return;
    place.interrupted = true;
    void Promise.resolve().then(() => {
      place.interrupted = false;
      if (this.#state !== 'closed') place.listener?.();
    });
  }
}
