// SPDX-License-Identifier: Apache-2.0
/**
 * A driver and a device in one heap: the same memory, the same rings, the same protocol as over a socket, with doorbells
 * and interrupts that ring in a microtask. Closing it is what a vanishing front-end is for the device.
 */
import type { MediaDevice } from '../device/media-device.ts';
import type { DriverTransport, GuestBlock } from '../driver/transport.ts';
import type { GuestMemory } from '../memory/guest-memory.ts';
import { MemoryGate } from '../memory/memory-gate.ts';
import { RegionMemory } from '../memory/region-memory.ts';
import { VirtioMediaDevice } from '../virtio-media/index.ts';
import { DeviceQueue } from '../virtqueue/index.ts';
import type { RingFeatures, RingLayout } from '../virtqueue/ring-layout.ts';
import { HeapAccess } from './heap-access.ts';
import { HeapArena } from './heap-arena.ts';
import { HeapWindow } from './heap-window.ts';
import { RangeAllocator } from './range-allocator.ts';
import { TransportError } from './transport-error.ts';

/** What a device of this guest works with. */
export interface InProcessGuest {
  readonly memory: GuestMemory;
  readonly arena: HeapArena;
  readonly window: HeapWindow;
  readonly access: HeapAccess;
}

/** What the transport needs of a device that speaks virtio-media; `VirtioMediaDevice` is one, a test's broken one another. */
export interface QueueDevice {
  config(): Uint8Array;
  /** True if there is more to do: call again soon. */
  kick(queue: number): boolean | undefined;
  /** goes on with what was taken before, when `again` was called */
  resume?(): void;
  /** resolves when no command waits for its answer: asked before the command ring stops for a pause */
  idle?(): Promise<void>;
  /** another driver begins: nothing of the one before is left when it resolves */
  reset?(): Promise<void>;
  close(): Promise<void>;
}

/** What a `QueueDevice` is made with. */
export interface QueueDeviceParts extends InProcessGuest {
  readonly queues: { readonly command: DeviceQueue; readonly event: DeviceQueue };
  readonly notify: (queue: 0 | 1) => void;
  /** asks for `resume` and a kick of queue 0 */
  readonly again: () => void;
}

/** Options of an `InProcessTransport`: the device, either above the protocol (`device`) or in its place (`queueDevice`). */
export interface InProcessOptions {
  readonly device?: (guest: InProcessGuest) => MediaDevice;
  readonly queueDevice?: (parts: QueueDeviceParts) => QueueDevice;
  /** default: both */
  readonly features?: Partial<RingFeatures>;
  /** bytes of guest memory, half of it below, half above 4 GiB; default 16 MiB */
  readonly memoryBytes?: number;
  /** default 64 MiB */
  readonly arenaBytes?: number;
  /** bytes of shared memory region 0; 0 for none; default twice the arena */
  readonly sharedBytes?: number;
}

const LOW_BASE = 0x10_0000;
const HIGH_BASE = 0x1_0000_0000;

/** The shipped simple `DriverTransport`. */
export class InProcessTransport implements DriverTransport {
  readonly memory: RegionMemory = new RegionMemory();
  readonly features: RingFeatures;
  readonly arena: HeapArena;
  readonly window: HeapWindow;
  readonly access: HeapAccess;
  /** closed while no ring runs */
  readonly gate: MemoryGate = new MemoryGate();
  readonly closed: Promise<string>;
  /** errors of our own that the device was told of (`onBug`): empty after a good test */
  readonly bugs: unknown[] = [];
  readonly #queues: readonly [DeviceQueue, DeviceQueue];
  readonly #device: QueueDevice;
  readonly #regions: readonly { base: number; bytes: Uint8Array; ranges: RangeAllocator }[];
  readonly #listeners: [(() => void) | undefined, (() => void) | undefined] = [undefined, undefined];
  readonly #pending: [boolean, boolean] = [false, false];
  readonly #rung: [boolean, boolean] = [false, false];
  /** rings that were stopped by `pause`, and where they go on */
  #paused: { readonly queue: 0 | 1; readonly layout: RingLayout; readonly next: number }[] = [];
  readonly #layouts: [RingLayout | undefined, RingLayout | undefined] = [undefined, undefined];
  #state: 'open' | 'pausing' | 'paused' | 'closed' = 'open';
  #resolveClosed: (reason: string) => void = () => {};

  constructor(o: InProcessOptions) {
    this.features = { indirect: o.features?.indirect ?? true, eventIdx: o.features?.eventIdx ?? true };
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
    this.#queues = [new DeviceQueue(this.memory, this.features), new DeviceQueue(this.memory, this.features)];
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
    const parts: QueueDeviceParts = {
      memory: this.memory,
      arena: this.arena,
      window: this.window,
      access: this.access,
      queues: { command: this.#queues[0], event: this.#queues[1] },
      notify: (queue) => this.#interrupt(queue),
      again: () => this.#again(),
    };
    this.#device = o.queueDevice?.(parts) ?? virtioMedia(o, parts, this.bugs);
  }

  /** the device's side of a ring, to look at its error */
  queue(index: 0 | 1): DeviceQueue {
    return this.#queues[index];
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
    return this.#device.config().slice(offset, offset + length);
  }

  /** The first ring that starts is another driver's. */
  async startQueue(index: number, layout: RingLayout): Promise<void> {
    const i = queueIndex(index);
    if (this.#stopped && this.#layouts.some((known) => known !== undefined)) {
      const reset = this.#device.reset?.();
      this.gate.giveUp();
      await reset;
    }
    this.#layouts[i] = layout;
    this.#begin(i, layout, 0);
  }

  async stopQueue(index: number): Promise<number> {
    const next = this.#queues[queueIndex(index)].stop();
    if (this.#stopped) await this.gate.close();
    return next;
  }

  async pause(): Promise<void> {
    if (this.#state !== 'open') throw new TransportError(`the transport is ${this.#state} and cannot be paused`);
    // The command ring takes no more, and what it has taken is answered.
    this.#state = 'pausing';
    await this.#device.idle?.();
    this.#state = 'paused';
    for (const queue of [0, 1] as const) {
      const layout = this.#layouts[queue];
      if (layout !== undefined && this.#queues[queue].running)
        this.#paused.push({ queue, layout, next: this.#queues[queue].stop() });
    }
    await this.gate.close();
  }

  async resume(): Promise<void> {
    if (this.#state !== 'paused') throw new TransportError(`the transport is ${this.#state}, not paused`);
    this.#state = 'open';
    for (const { queue, layout, next } of this.#paused.splice(0)) this.#begin(queue, layout, next);
  }

  notify(index: number): void {
    this.#ring(queueIndex(index));
  }

  onInterrupt(index: number, listener: () => void): void {
    this.#listeners[queueIndex(index)] = listener;
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
    for (const queue of this.#queues) if (queue.running) queue.stop();
    const closed = this.#device.close();
    this.gate.giveUp();
    await closed;
    this.#resolveClosed('the driver closed the transport');
  }

  get #stopped(): boolean {
    return this.#queues.every((queue) => !queue.running);
  }

  #begin(queue: 0 | 1, layout: RingLayout, next: number): void {
    this.gate.reopen();
    this.#queues[queue].start(layout, next);
    this.#ring(queue);
  }

  #again(): void {
    void Promise.resolve().then(() => {
      if (this.#state === 'open' || this.#state === 'pausing') this.#device.resume?.();
      this.#ring(0);
    });
  }

  #ring(queue: 0 | 1): void {
    if (this.#rung[queue]) return;
    this.#rung[queue] = true;
    void Promise.resolve().then(() => {
      this.#rung[queue] = false;
      if (this.#state === 'open' && this.#queues[queue].running && this.#device.kick(queue)) this.#ring(queue);
    });
  }

  #interrupt(queue: 0 | 1): void {
    if (this.#pending[queue]) return;
    this.#pending[queue] = true;
    void Promise.resolve().then(() => {
      this.#pending[queue] = false;
      if (this.#state !== 'closed') this.#listeners[queue]?.();
    });
  }
}

function queueIndex(index: number): 0 | 1 {
  if (index !== 0 && index !== 1) throw new TransportError(`a media device has queues 0 and 1, not ${index}`);
  return index;
}

function virtioMedia(o: InProcessOptions, parts: QueueDeviceParts, bugs: unknown[]): QueueDevice {
  if (o.device === undefined) throw new TransportError('give the transport a device or a queueDevice');
  return new VirtioMediaDevice({
    device: o.device(parts),
    memory: parts.memory,
    ...(parts.window.length > 0 ? { window: parts.window } : {}),
    queues: parts.queues,
    notify: parts.notify,
    again: parts.again,
    // No other guest waits here: turns are counted and not timed, so that a test with a clock of its own does not depend on this machine.
    now: () => 0,
    onBug: (error) => bugs.push(error),
  });
}
