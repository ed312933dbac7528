// SPDX-License-Identifier: Apache-2.0
/**
 * The device side of a split virtqueue (VIRTIO 1.4, 2.7). What the methods promise stands at `VirtQueue` and `TransportQueue`.
 *
 * The driver is hostile. A malformed ring breaks the queue: `error` says why, nothing more is taken from it until it is
 * stopped and started again, and chains already taken can still be returned. The methods that look at the ring never throw
 * for what they find there, and never loop for longer than the ring and the limits allow. A flush is one store of the used
 * index.
 */
import { NotIdleError } from '../../base/saved-state.ts';
import type { GuestMemory } from '../../memory/guest-memory.ts';
import { VIRTQ_AVAIL_F_NO_INTERRUPT, VIRTQ_USED_F_NO_NOTIFY, virtq_used_elem } from '../../wire/index.ts';
import { Chain, ChainSegments } from '../chain.ts';
import { QueueError, type QueueErrorCode } from '../queue-error.ts';
import { type RingAreas, type RingFeatures, type RingLayout, ringBytes } from '../ring-layout.ts';
import type { TransportQueue } from '../virt-queue.ts';
import { type ChainLimits, ChainWalk } from './chain-walk.ts';
import { readQueueState, type SplitQueueState, saveMark } from './queue-state.ts';
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
export class DeviceQueue implements TransportQueue {
  readonly #memory: GuestMemory;
  readonly #limits: ChainLimits;
  #indirect: boolean;
  #eventIdx: boolean;
  #walk: ChainWalk;
  readonly #pool: ChainSegments[] = [];
  #ring: Ring | undefined;
  /** of the ring that was stopped last */
  #mark: RingMark | undefined;
  #error: QueueError | undefined;

  constructor(memory: GuestMemory, features: RingFeatures, limits: Partial<ChainLimits> = {}) {
    this.#memory = memory;
    this.#indirect = features.indirect;
    this.#eventIdx = features.eventIdx;
    this.#limits = {
      maxDescriptors: limits.maxDescriptors ?? DEFAULT_MAX_DESCRIPTORS,
      maxBytes: limits.maxBytes ?? DEFAULT_MAX_BYTES,
    };
    this.#walk = new ChainWalk(memory, features.indirect, this.#limits);
  }

  negotiate(features: RingFeatures): void {
    if (this.#ring !== undefined) throw new QueueError('usage', 'features cannot change while the queue runs: stop it first');
    this.#indirect = features.indirect;
    this.#eventIdx = features.eventIdx;
    this.#walk = new ChainWalk(this.#memory, features.indirect, this.#limits);
  }

  get running(): boolean {
    return this.#ring !== undefined;
  }

  get error(): QueueError | undefined {
    return this.#error;
  }

  get inFlight(): number {
    return this.#ring?.inFlight ?? 0;
  }

  areas(size: number): RingAreas {
    return ringBytes(size);
  }

  position(base: number): number {
    return base & 0xffff;
  }

  /** The position is the first entry of the available ring to take, modulo 65536; the used index goes on from what the ring says. */
  start(layout: RingLayout, position = 0): void {
    if (this.#ring !== undefined) throw new QueueError('layout', 'the queue runs already: stop it first');
    const view = new RingView(this.#memory, layout);
    const next = this.position(position);
    const used = view.used.load(IDX);
    this.#error = undefined;
    this.#mark = undefined;
    this.#ring = makeRing(view, { layout: { ...layout }, next, available: next, used });
    this.enableNotifications();
  }

  stop(): number {
    const ring = this.#ring;
    if (ring === undefined) return 0;
    this.flush();
    this.#ring = undefined;
    this.#mark = RingMark.of(this.#memory, ring.layout, ring.next, ring.published);
    for (const chain of ring.held) {
      const segments = chain?.retire('void');
      if (segments !== undefined) this.#pool.push(segments);
    }
    return ring.next;
  }

  get stopped(): boolean {
    return this.#mark !== undefined;
  }

  resumes(layout: RingLayout, position = 0): boolean {
    return this.#mark?.matches(this.#memory, layout, this.position(position)) ?? false;
  }

  forget(): void {
    this.#mark = undefined;
  }

  save(): SplitQueueState {
    const ring = this.#ring;
    if (ring !== undefined && ring.inFlight > 0) {
      throw new NotIdleError(`${ring.inFlight} chains of the queue are taken and not returned yet`);
    }
    if (ring !== undefined && ring.used !== ring.published) {
      throw new NotIdleError(`${distance(ring.published, ring.used)} chains of the queue are returned and not published yet`);
    }
    return {
      ring: 'split',
      features: { indirect: this.#indirect, eventIdx: this.#eventIdx },
      broken: this.#error === undefined ? null : { code: this.#error.code, message: this.#error.message },
      running:
        ring === undefined
          ? null
          : { layout: { ...ring.layout }, next: ring.next, available: ring.available, used: ring.published },
      stopped: this.#mark === undefined ? null : saveMark(this.#mark.save()),
    };
  }

  restore(state: unknown): void {
    if (this.#ring !== undefined || this.#mark !== undefined) {
      throw new QueueError('usage', 'a queue that has run cannot be restored: make another');
    }
    const { features, error, running, stopped } = readQueueState(state);
    this.negotiate(features);
    this.#error = error;
    this.#mark = stopped && RingMark.from(stopped);
    // The ring's memory may be missing now: that is noticed at the next `pop`, as in the queue that was saved.
    this.#ring = running && makeRing(new RingView(this.#memory, running.layout, 'allowed'), running);
  }

  get waiting(): boolean {
    const ring = this.#ring;
    return ring !== undefined && this.#error === undefined && this.#mapped(ring) && this.#waiting(ring);
  }

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

  enableNotifications(): boolean {
    const ring = this.#ring;
    if (ring === undefined || this.#error !== undefined || !this.#mapped(ring)) return false;
    ring.view.used.store(FLAGS, 0);
    if (this.#eventIdx) ring.view.used.store(ring.view.availableEvent, ring.available);
    return this.#waiting(ring);
  }

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

/** A ring of which the device holds no chain. */
function makeRing(view: RingView, at: Pick<Ring, 'layout' | 'next' | 'available' | 'used'>): Ring {
  const { layout, next, available, used } = at;
  const held = new Array<Chain | undefined>(layout.size).fill(undefined);
  return { layout, size: layout.size, view, held, inFlight: 0, next, available, used, published: used };
}

/** How far `to` is ahead of `from`, both modulo 65536. */
function distance(from: number, to: number): number {
  return (to - from) & 0xffff;
}
