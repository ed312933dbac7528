// SPDX-License-Identifier: Apache-2.0
/** A device queue over a ring that is written by hand. */
import { DeviceQueue } from '../virtqueue/split/device-queue.ts';
import { RawRing, type RawRingOptions } from './raw-ring.ts';

/** flags of descriptors */
export const NEXT = 1;
export const WRITE = 2;
export const INDIRECT = 4;

/** What `started` may be told beside the ring's own options. */
export interface QueueRigOptions extends RawRingOptions {
  features?: { indirect: boolean; eventIdx: boolean };
  limits?: { maxDescriptors?: number; maxBytes?: number };
  start?: number;
}

/** A ring, and a queue that has started on it. */
export function started(options: QueueRigOptions = {}): { ring: RawRing; queue: DeviceQueue } {
  const ring = new RawRing(options);
  const queue = new DeviceQueue(ring.memory, options.features ?? { indirect: true, eventIdx: false }, options.limits);
  queue.start(ring.layout, options.start ?? 0);
  return { ring, queue };
}
