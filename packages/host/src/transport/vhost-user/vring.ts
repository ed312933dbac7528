// SPDX-License-Identifier: Apache-2.0
/**
 * One ring of a device: what the front-end says about it, and when it runs.
 *
 *     waiting --size, addresses, kick, enabled, memory--> running --QueueError--> broken
 *        ^--------------- GET_VRING_BASE, disabled -----------/----------------------/
 *                       (by way of draining: commands taken are answered, none are taken)
 */
import { QueueError, type QueueRole, type RingLayout, type TransportQueue } from '@paravideo/core';
import type { Log } from '../../log/index.ts';
import { drain, type Fd, SysError, setNonBlocking, signal, watch } from '../../sys/index.ts';
import type { MemoryTable } from './memory-table.ts';
import { VhostRefusedError } from './vhost-user-error.ts';

/** Entries of a ring at most: what other back-ends take too. */
export const MAX_RING_SIZE = 1024;
/** How often a ring without a kick descriptor is looked at, milliseconds. */
const POLL_INTERVAL = 2;
/** Wake-ups in a row without a kick, after which a descriptor is not a doorbell. */
const MAX_EMPTY_WAKES = 100;

/** Addresses as the front-end names them. */
export interface RingAddresses {
  readonly descriptors: bigint;
  readonly available: bigint;
  readonly used: bigint;
}

/** What a ring needs of its device. */
export interface VringOwner {
  readonly table: MemoryTable;
  readonly log: Log;
  /** Looks at the ring; true if there is more to do. */
  kick(index: number): boolean;
}

/** One virtqueue of a connection. */
export class Vring implements Disposable {
  readonly index: number;
  readonly role: QueueRole;
  readonly queue: TransportQueue;
  readonly #owner: VringOwner;
  #size: number | undefined;
  #addresses: RingAddresses | undefined;
  /** where the ring goes on; undefined: as a fresh one */
  #next: number | undefined;
  #enabled = false;
  #kick: Fd | 'polling' | undefined;
  #kicks: Disposable | undefined;
  #call: Fd | undefined;
  #err: Fd | undefined;
  #layout: RingLayout | undefined;
  /** true while a part of the running ring is not in the memory table */
  #absent = false;
  #emptyWakes = 0;
  #again = false;
  #state: 'waiting' | 'running' | 'draining' | 'broken' = 'waiting';

  constructor(index: number, role: QueueRole, queue: TransportQueue, owner: VringOwner) {
    this.index = index;
    this.role = role;
    this.queue = queue;
    this.#owner = owner;
  }

  /** How far the ring is: see the drawing. */
  get state(): 'waiting' | 'running' | 'draining' | 'broken' {
    return this.#state;
  }

  /** SET_VRING_NUM. Throws `VhostRefusedError` (VU-V6). */
  setSize(size: number): void {
    this.#mustBeStopped('its size');
    if (size === 0 || size > MAX_RING_SIZE || (size & (size - 1)) !== 0) {
      throw new VhostRefusedError(
        'VU-V6',
        `ring ${this.index} of ${size} entries: a power of two up to ${MAX_RING_SIZE} is taken`,
      );
    }
    this.#size = size;
  }

  /** SET_VRING_ADDR. Throws `VhostRefusedError` (VU-V7); whether the addresses are in memory is seen when the ring starts. */
  setAddresses(addresses: RingAddresses): void {
    this.#mustBeStopped('its addresses');
    for (const [part, align] of [
      ['descriptors', 16n],
      ['available', 2n],
      ['used', 4n],
    ] as const) {
      if (addresses[part] % align !== 0n) {
        throw new VhostRefusedError('VU-V7', `ring ${this.index}: ${part} at ${addresses[part]} is no multiple of ${align}`);
      }
    }
    this.#addresses = addresses;
  }

  /** SET_VRING_BASE. */
  setBase(base: number): void {
    this.#mustBeStopped('its base');
    this.#next = this.queue.position(base);
  }

  /** The next start is that of a fresh ring. */
  rewind(): void {
    this.#mustBeStopped('its base');
    this.#next = undefined;
  }

  /** SET_VRING_KICK; undefined: no kick descriptor, the ring is polled. Takes the descriptor over. */
  setKick(fd: Fd | undefined): void {
    this.#closeKick();
    this.#kick = fd ?? 'polling';
    if (fd === undefined) {
      if (this.#state === 'running') this.#poll();
      return;
    }
    try {
      setNonBlocking(fd);
      this.#kicks = watch(fd, () => this.#rung());
    } catch (error) {
      this.#closeKick();
      throw new VhostRefusedError('VU-V3', `ring ${this.index}: the kick descriptor cannot be watched: ${String(error)}`);
    }
  }

  /** SET_VRING_CALL: replaces the interrupt and rings it once, so that none is lost between the two. */
  setCall(fd: Fd | undefined): void {
    this.#call?.close();
    this.#call = fd;
    if (fd === undefined) return;
    setNonBlocking(fd);
    if (this.#state !== 'waiting') this.notify();
  }

  /** SET_VRING_ERR: where a broken ring is told. */
  setErr(fd: Fd | undefined): void {
    this.#err?.close();
    this.#err = fd;
    if (fd !== undefined) setNonBlocking(fd);
  }

  /** SET_VRING_ENABLE; disabling goes through `beginDrain` and `stop`. */
  enable(enabled: boolean): void {
    this.#enabled = enabled;
  }

  /** True if the ring has all that it needs to start. */
  get complete(): boolean {
    // The front-end may add the ring's memory later: the change of the table then leads here again.
    return this.#state === 'waiting' && this.#enabled && this.#kick !== undefined && this.#translate() !== undefined;
  }

  /** False if the ring ran before and another driver, or a driver that begins anew, has set up the ring that would start now. */
  get resumes(): boolean {
    const layout = this.#translate();
    return !this.queue.stopped || (layout !== undefined && this.queue.resumes(layout, this.#next));
  }

  /** Starts the ring if it is complete. True if it started now: the owner looks at it then (P16). */
  start(): boolean {
    const layout = this.complete ? this.#translate() : undefined;
    if (layout === undefined || !this.#begin(layout)) return false;
    if (this.#kick === 'polling') this.#poll();
    return true;
  }

  /**
   * The memory table changed: a ring that is gone from it rests until it is back (VU-V7), since a front-end may take a
   * region away and give it back in other pieces; one that moved goes on at its new place.
   */
  memoryChanged(): void {
    if (this.#state !== 'running' && this.#state !== 'draining') return;
    const layout = this.#translate();
    this.#absent = layout === undefined;
    if (layout === undefined) return;
    const old = this.#layout;
    const moved =
      old === undefined ||
      old.descriptors !== layout.descriptors ||
      old.available !== layout.available ||
      old.used !== layout.used ||
      this.queue.error?.code === 'ring-gone';
    if (moved) {
      const state = this.#state;
      this.#next = this.queue.stop();
      if (!this.#begin(layout)) return;
      this.#state = state;
    }
    this.look();
  }

  /** Looks at the ring if it runs; not while the rest of a backlog is scheduled, so that a kick adds no second turn. */
  look(): void {
    if (this.#state !== 'running' || this.#absent || this.#again) return;
    const more = this.#owner.kick(this.index);
    this.checkBroken();
    if (!more) return;
    this.#again = true;
    setImmediate(() => {
      this.#again = false;
      this.look();
    });
  }

  /** Notices that the queue found its ring malformed, or that it left memory. */
  checkBroken(): void {
    const { error } = this.queue;
    if (error === undefined || error.code === 'ring-gone') return;
    if (this.#state === 'running' || this.#state === 'draining') this.#break(error);
  }

  /** Takes no more commands; what was taken can still be answered. */
  beginDrain(): void {
    if (this.#state === 'running') this.#state = 'draining';
  }

  /** Stops the ring. Returns where it goes on unless SET_VRING_BASE says otherwise. */
  stop(): number {
    if (this.queue.running || this.#next === undefined) this.#next = this.queue.stop();
    if (this.#kick === 'polling') {
      this.#kicks?.[Symbol.dispose]();
      this.#kicks = undefined;
    }
    this.#state = 'waiting';
    return this.#next;
  }

  /** GET_VRING_BASE ends the use of the kick descriptor too: the ring starts again with a new one. */
  forgetKick(): void {
    this.#closeKick();
  }

  /** Interrupts the driver. */
  notify(): void {
    if (this.#call === undefined) return;
    try {
      signal(this.#call);
    } catch (error) {
      if (!(error instanceof SysError)) throw error;
      this.#owner.log.warn(
        { ring: this.index, err: error },
        'the call descriptor does not work: interrupts of this ring are lost',
      );
      this.#call.close();
      this.#call = undefined;
    }
  }

  [Symbol.dispose](): void {
    if (this.queue.running) this.queue.stop();
    this.#state = 'waiting';
    this.#closeKick();
    this.#call?.close();
    this.#err?.close();
    this.#call = undefined;
    this.#err = undefined;
  }

  #translate(): RingLayout | undefined {
    if (this.#size === undefined || this.#addresses === undefined) return undefined;
    const { table } = this.#owner;
    const bytes = this.queue.areas(this.#size);
    const descriptors = table.guestAddress(this.#addresses.descriptors, bytes.descriptors);
    const available = table.guestAddress(this.#addresses.available, bytes.available);
    const used = table.guestAddress(this.#addresses.used, bytes.used);
    if (descriptors === undefined || available === undefined || used === undefined) return undefined;
    return { size: this.#size, descriptors, available, used };
  }

  #begin(layout: RingLayout): boolean {
    try {
      this.queue.start(layout, this.#next);
    } catch (error) {
      if (!(error instanceof QueueError)) throw error;
      this.#break(error);
      return false;
    }
    this.#layout = layout;
    this.#absent = false;
    this.#state = 'running';
    return true;
  }

  #poll(): void {
    const timer = setInterval(() => this.look(), POLL_INTERVAL);
    this.#kicks = { [Symbol.dispose]: () => clearInterval(timer) };
  }

  #rung(): void {
    const fd = this.#kick;
    if (fd === undefined || fd === 'polling') return;
    let rung = false;
    try {
      rung = drain(fd);
    } catch (error) {
      if (!(error instanceof SysError)) throw error;
      this.#emptyWakes = MAX_EMPTY_WAKES;
    }
    this.#emptyWakes = rung ? 0 : this.#emptyWakes + 1;
    if (this.#emptyWakes > MAX_EMPTY_WAKES) {
      this.#owner.log.warn(
        { ring: this.index },
        'VU-V16: the kick descriptor is readable but holds no kick: it is watched no more',
      );
      this.#kicks?.[Symbol.dispose]();
      this.#kicks = undefined;
    }
    this.look();
  }

  #break(error: QueueError): void {
    this.#state = 'broken';
    this.#owner.log.warn(
      { ring: this.index, code: error.code, err: error.message },
      'the ring is broken until it is set up anew',
    );
    if (this.#err === undefined) return;
    try {
      signal(this.#err);
    } catch (failure) {
      if (!(failure instanceof SysError)) throw failure;
    }
  }

  #closeKick(): void {
    this.#kicks?.[Symbol.dispose]();
    this.#kicks = undefined;
    if (this.#kick !== 'polling') this.#kick?.close();
    this.#kick = undefined;
    this.#emptyWakes = 0;
  }

  #mustBeStopped(what: string): void {
    if (this.#state === 'running' || this.#state === 'draining') {
      throw new VhostRefusedError('VU-V6', `ring ${this.index} runs: ${what} can only be set while it is stopped`);
    }
  }
}
