// SPDX-License-Identifier: Apache-2.0
/**
 * The device side of a split virtqueue (VIRTIO 1.4, 2.7).
 *
 *     stopped --start--> running --malformed ring--> broken
 *        ^------------------stop-----------------------/
 *
 * The driver is hostile. A malformed ring breaks the queue: `error` says why, nothing more is taken from it until it is
 * stopped and started again, and chains already taken can still be returned. The methods that look at the ring never throw
 * for what they find there, and never loop for longer than the ring and the limits allow.
 *
 * A batch is: `pop` until undefined, `push` each chain when it is done (in any order, at any time), `flush` once: that is
 * one store of the used index and at most one interrupt.
 */
import type { GuestMemory } from '../memory/guest-memory.ts';
import { VIRTQ_AVAIL_F_NO_INTERRUPT, VIRTQ_USED_F_NO_NOTIFY, virtq_used_elem } from '../wire/index.ts';
import { Chain, ChainSegments } from './chain.ts';
import { type ChainLimits, ChainWalk } from './chain-walk.ts';
import { QueueError, type QueueErrorCode } from './queue-error.ts';
import type { RingFeatures, RingLayout } from './ring-layout.ts';
import { RingMark } from './ring-mark.ts';
import { AVAILABLE_RING, FLAGS, IDX, RingView, USED_RING } from './ring-view.ts';

/** Descriptors of one chain unless told otherwise; more than the queue size only in an indirect table. */
export const DEFAULT_MAX_DESCRIPTORS = 4096;
/** Readable bytes of one chain unless told otherwise. */
export const DEFAULT_MAX_BYTES = 1 << 20;

const usedElem = virtq_used_elem.fields;
const usedElemBytes = virtq_used_elem.size;

interface Ring {
  readonly layout: RingLayout;
  readonly size: number;
  readonly view: RingView;
  /** chains that the device holds, by head */
  readonly held: (Chain | undefined)[];
  inFlight: number;
  /** next entry of the available ring to take */
  next: number;
  /** the available index as last read */
  available: number;
  /** next entry of the used ring to fill */
  used: number;
  /** the used index as the driver sees it */
  published: number;
}

/** One virtqueue, as the device sees it. */
export class DeviceQueue {
  readonly #memory: GuestMemory;
  readonly #limits: ChainLimits;
  #eventIdx: boolean;
  #walk: ChainWalk;
  readonly #pool: ChainSegments[] = [];
  #ring: Ring | undefined;
  /** of the ring that was stopped last */
  #mark: RingMark | undefined;
  #error: QueueError | undefined;

  constructor(memory: GuestMemory, features: RingFeatures, limits: Partial<ChainLimits> = {}) {
    this.#memory = memory;
    this.#eventIdx = features.eventIdx;
    this.#limits = {
      maxDescriptors: limits.maxDescriptors ?? DEFAULT_MAX_DESCRIPTORS,
      maxBytes: limits.maxBytes ?? DEFAULT_MAX_BYTES,
    };
    this.#walk = new ChainWalk(memory, features.indirect, this.#limits);
  }

  /** Features of the next `start`: a driver may agree on others after each reset. Throws `QueueError` ('usage') while the queue runs. */
  negotiate(features: RingFeatures): void {
    if (this.#ring !== undefined) throw new QueueError('usage', 'features cannot change while the queue runs: stop it first');
    this.#eventIdx = features.eventIdx;
    this.#walk = new ChainWalk(this.#memory, features.indirect, this.#limits);
  }

  /** True from `start` to `stop`, also while the queue is broken. */
  get running(): boolean {
    return this.#ring !== undefined;
  }

  /** Why the queue is broken; kept until the next `start`. */
  get error(): QueueError | undefined {
    return this.#error;
  }

  /** Chains that the device took and did not push yet. */
  get inFlight(): number {
    return this.#ring?.inFlight ?? 0;
  }

  /**
   * Starts on a ring. `nextAvailable` is the first entry to take, modulo 65536; the used index goes on from what the ring says.
   * Notifications are on. Chains may be waiting already (P16). Throws `QueueError` ('layout') if the ring is not sound
   * (VU-V6, VU-V7) or the queue runs.
   */
  start(layout: RingLayout, nextAvailable: number): void {
    if (this.#ring !== undefined) throw new QueueError('layout', 'the queue runs already: stop it first');
    const view = new RingView(this.#memory, layout);
    const next = nextAvailable & 0xffff;
    const used = view.used.load(IDX);
    this.#error = undefined;
    this.#mark = undefined;
    this.#ring = {
      layout: { ...layout },
      size: layout.size,
      view,
      held: new Array<Chain | undefined>(layout.size).fill(undefined),
      inFlight: 0,
      next,
      available: next,
      used,
      published: used,
    };
    this.enableNotifications();
  }

  /**
   * Stops; returns the next available index, 0 if the queue did not run. What was pushed is published, without an
   * interrupt; chains still held are void.
   */
  stop(): number {
    const ring = this.#ring;
    if (ring === undefined) return 0;
    this.flush();
    this.#ring = undefined;
    this.#mark = new RingMark(this.#memory, ring.layout, ring.next, ring.published);
    for (const chain of ring.held) {
      const segments = chain?.retire('void');
      if (segments !== undefined) this.#pool.push(segments);
    }
    return ring.next;
  }

  /** True after a `stop`, until the next `start` or `forget`: there is a ring to go on with. */
  get stopped(): boolean {
    return this.#mark !== undefined;
  }

  /** True if a `start` with these would go on with the ring that was stopped; false if a driver begins with a fresh one. */
  resumes(layout: RingLayout, nextAvailable: number): boolean {
    return this.#mark?.matches(this.#memory, layout, nextAvailable & 0xffff) ?? false;
  }

  /** Forgets the ring that was stopped: the device was reset. */
  forget(): void {
    this.#mark = undefined;
  }

  /** Takes the next chain. Undefined if there is none, or if the queue is stopped or broken: see `error`. Never throws. */
  pop(): Chain | undefined {
    const ring = this.#ring;
    if (ring === undefined || this.#error !== undefined || !this.#mapped(ring) || !this.#waiting(ring)) return undefined;
    // Chains pushed but not published count: the driver cannot know yet that their descriptors are free.
    if (ring.inFlight + distance(ring.published, ring.used) >= ring.size) {
      return this.#break('too-many-chains', `the driver offers more chains than a ring of ${ring.size} can hold`);
    }
    const head = ring.view.available.load(AVAILABLE_RING + (ring.next & (ring.size - 1)));
    if (head >= ring.size) return this.#break('head-range', `head ${head} is outside a ring of ${ring.size}`);
    if (ring.held[head] !== undefined) return this.#break('head-in-flight', `head ${head} is offered a second time`);
    const segments = this.#pool.pop() ?? new ChainSegments();
    const error = this.#walk.walk(ring.view.descriptors, ring.size, head, segments);
    if (error !== undefined) {
      this.#pool.push(segments);
      this.#error = error;
      return undefined;
    }
    const chain = new Chain(this.#memory, head, segments, this.#walk.readableLength, this.#walk.writableLength);
    ring.held[head] = chain;
    ring.inFlight++;
    ring.next = (ring.next + 1) & 0xffff;
    return chain;
  }

  /**
   * Returns a chain with `written` bytes, at most its writable length (VU-V13); the driver sees it after `flush`. A chain
   * from before a `stop` is dropped in silence, and so is every chain when the ring has gone from memory. Throws
   * `QueueError` ('usage') for a chain that was returned already or is another queue's.
   */
  push(chain: Chain, written: number): void {
    if (chain.state === 'void') return;
    const ring = this.#ring;
    if (ring === undefined || ring.held[chain.head] !== chain) {
      throw new QueueError('usage', `chain ${chain.head} was returned already or belongs to another queue`);
    }
    ring.held[chain.head] = undefined;
    ring.inFlight--;
    const segments = chain.retire('returned');
    if (segments !== undefined) this.#pool.push(segments);
    if (!this.#mapped(ring)) return;
    const base = USED_RING + usedElemBytes * (ring.used & (ring.size - 1));
    usedElem.id.set(ring.view.usedElements, base, chain.head);
    usedElem.len.set(ring.view.usedElements, base, Math.max(0, Math.min(written, chain.writableLength)));
    ring.used = (ring.used + 1) & 0xffff;
  }

  /** Publishes what was pushed since the last call, in one store. True if the driver wants an interrupt for it. */
  flush(): boolean {
    const ring = this.#ring;
    if (ring === undefined || ring.used === ring.published || !this.#mapped(ring)) return false;
    const { available, used, usedEvent } = ring.view;
    const count = distance(ring.published, ring.used);
    ring.published = ring.used;
    used.store(IDX, ring.used);
    if (!this.#eventIdx) return (available.load(FLAGS) & VIRTQ_AVAIL_F_NO_INTERRUPT) === 0;
    return distance(available.load(usedEvent) + 1, ring.used) < count;
  }

  /** Asks the driver for notifications. True if chains are waiting already: look again, no kick will tell. */
  enableNotifications(): boolean {
    const ring = this.#ring;
    if (ring === undefined || this.#error !== undefined || !this.#mapped(ring)) return false;
    ring.view.used.store(FLAGS, 0);
    if (this.#eventIdx) ring.view.used.store(ring.view.availableEvent, ring.available);
    return this.#waiting(ring);
  }

  /** Tells the driver that notifications are not needed for now. Some may come all the same. */
  disableNotifications(): void {
    const ring = this.#ring;
    // With EVENT_IDX the event index stays where it is: the driver has passed it, so it does not kick again.
    if (ring === undefined || this.#eventIdx || !this.#mapped(ring)) return;
    ring.view.used.store(FLAGS, VIRTQ_USED_F_NO_NOTIFY);
  }

  /** True if an entry of the available ring is waiting. Once it said so, the entry counts, whatever the driver does to the index. */
  #waiting(ring: Ring): boolean {
    if (ring.available !== ring.next) return true;
    const index = ring.view.available.load(IDX);
    if (distance(ring.next, index) > ring.size) {
      this.#break('available-jump', `the available index jumped from ${ring.next} to ${index} in a ring of ${ring.size}`);
      return false;
    }
    ring.available = index;
    return index !== ring.next;
  }

  #mapped(ring: Ring): boolean {
    if (ring.view.refresh()) return true;
    this.#break('ring-gone', 'a part of the ring is no longer in guest memory');
    return false;
  }

  #break(code: QueueErrorCode, message: string): undefined {
    this.#error ??= new QueueError(code, message);
    return undefined;
  }
}

/** How far `to` is ahead of `from`, both modulo 65536. */
function distance(from: number, to: number): number {
  return (to - from) & 0xffff;
}
