// SPDX-License-Identifier: Apache-2.0
/**
 * A virtqueue as its two users on the device's side have it: the device works on chains, the transport that carries the device
 * says where the ring lies and when it runs. Neither knows how a ring looks in memory: that is an implementation's own
 * (`split/`), and `makeQueue` picks it.
 *
 *     stopped --start--> running --malformed ring--> broken
 *        ^------------------stop-----------------------/
 *
 * A batch is: `pop` until undefined, `push` each chain when it is done (in any order, at any time), `flush` once: that is
 * one publication to the driver and at most one interrupt.
 */
import type { Chain } from './chain.ts';
import type { QueueError } from './queue-error.ts';
import type { RingAreas, RingFeatures, RingLayout } from './ring-layout.ts';
import type { SplitQueueState } from './split/queue-state.ts';

/** What a queue saves: which kind of ring it is, and all that it knows beside what lies in guest memory. */
export type QueueState = SplitQueueState;

/** What a device needs of a queue. No method throws for what a driver did to the ring. */
export interface VirtQueue {
  /** True from `start` to `stop`, also while the queue is broken. */
  readonly running: boolean;
  /** Why the queue is broken: nothing more is taken from it, and chains already taken can still be returned. Kept until the next start. */
  readonly error: QueueError | undefined;
  /** True if chains are waiting; notifications stay as they are. */
  readonly waiting: boolean;
  /** Takes the next chain. Undefined if there is none, or if the queue is stopped or broken: see `error`. */
  pop(): Chain | undefined;
  /**
   * Returns a chain with `written` bytes, at most its writable length (VU-V13); the driver sees it after `flush`. A chain
   * from before a stop is dropped in silence, and so is every chain when the ring has gone from memory. Throws
   * `QueueError` ('usage') for a chain that was returned already or is another queue's.
   */
  push(chain: Chain, written: number): void;
  /** Publishes what was pushed since the last call. True if the driver wants an interrupt for it. */
  flush(): boolean;
  /** Asks the driver for notifications. True if chains are waiting already: look again, no kick will tell. */
  enableNotifications(): boolean;
  /** Tells the driver that notifications are not needed for now. Some may come all the same. */
  disableNotifications(): void;
}

/**
 * What a transport needs of a queue. A position is where a ring goes on, as `stop` answers and vhost-user's SET_VRING_BASE
 * carries it; only the queue knows what it is made of.
 */
export interface TransportQueue extends VirtQueue {
  /** Chains that the device took and did not push yet. */
  readonly inFlight: number;
  /** True after a `stop`, until the next `start` or `forget`: there is a ring to go on with. */
  readonly stopped: boolean;
  /** Features of the next `start`: a driver may agree on others after each reset. Throws `QueueError` ('usage') while the queue runs. */
  negotiate(features: RingFeatures): void;
  /** Bytes of each part of a ring of `size` entries, with the features negotiated. */
  areas(size: number): RingAreas;
  /** The position that a number of a front-end names: bits that no position has are cut off. */
  position(base: number): number;
  /**
   * Starts on a ring, at a position or, without one, as on a fresh ring. Notifications are on. Chains may be waiting already (P16).
   * Throws `QueueError` ('layout') if the ring is not sound (VU-V6, VU-V7) or the queue runs.
   */
  start(layout: RingLayout, position?: number): void;
  /**
   * Stops; returns where the ring goes on, or where a fresh one begins if the queue did not run. What was pushed is published,
   * without an interrupt; chains still held are void.
   */
  stop(): number;
  /** True if a `start` with these would go on with the ring that was stopped; false if a driver begins with a fresh one. */
  resumes(layout: RingLayout, position?: number): boolean;
  /** Forgets the ring that was stopped: the device was reset. */
  forget(): void;
  /**
   * The state as plain data. Throws `NotIdleError` while the device holds a chain, or returned one that is not published. The
   * queue goes on as before.
   */
  save(): QueueState;
  /**
   * Goes on as the queue that was saved, over the same memory; the doorbell that may have been rung meanwhile is the transport's to
   * look after. Throws `SavedStateError` for a state that cannot be, and `QueueError` ('usage') for a queue that has run; nothing is
   * changed then.
   */
  restore(state: unknown): void;
}
