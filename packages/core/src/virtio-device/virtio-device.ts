// SPDX-License-Identifier: Apache-2.0
/**
 * The port between transports and protocols: a virtio device, as a transport carries it. A transport knows rings, memory, features and
 * configuration bytes; what the bytes in a chain mean is the device's business alone.
 *
 *     made --attach--> attached --negotiated--> (kick, resume, idle)* --reset--> attached … --dispose--> gone
 */
import type { VirtQueue } from '../virtqueue/virt-queue.ts';
import type { BusyPolling } from './busy-polling.ts';

/**
 * What a queue is to its device. `answered`: each chain that is taken comes back as soon as it can, and a transport waits for
 * that before it stops the queue. `posted`: buffers that the driver posts and the device fills when it has something to say; they
 * stay in the ring when it stops.
 */
export type QueueRole = 'answered' | 'posted';

/** What a transport gives the device that it carries. */
export interface VirtioDeviceHost {
  /** one for each queue that the device has; they run or rest as the driver and its machine want it */
  readonly queues: readonly VirtQueue[];
  /** Interrupts the driver for a queue: buffers were used. */
  notify(queue: number): void;
  /** Asks for `resume`, and for a `kick` of every queue that is answered, soon, though the driver rings no doorbell. */
  again(): void;
  /** The configuration bytes have changed: tells the driver. */
  configChanged(): void;
  /** Milliseconds of a clock that only rises. */
  now(): number;
  /** when a device may wait for the next command by looking at its ring; undefined where the driver needs this thread to go on */
  readonly polling?: BusyPolling | undefined;
  /** Told of an error of our own that one chain was answered with; the device goes on. */
  onBug(error: unknown): void;
}

/** Counters of a device since it was made, by name: for logs, status and tests. */
export type DeviceStats = Readonly<Record<string, number>>;

/** A virtio device. Disposing ends it for good, with all that belongs to it; a transport has then let go of its queues. */
export interface VirtioDevice extends AsyncDisposable {
  /** virtio device type (VIRTIO 1.4, 5) */
  readonly id: number;
  /** feature bits of the device type that are offered (0 to 23, 50 to 63); those of rings and transports are not among them */
  readonly features: bigint;
  readonly queues: readonly QueueRole[];
  /** whether the device has shared memory region 0: the window of the guest that it was made for */
  readonly sharedMemory: boolean;
  readonly stats: DeviceStats;
  /** The configuration space as it is now; its length never changes. */
  config(): Uint8Array;
  /** Takes the transport's side; called once, before everything else. */
  attach(host: VirtioDeviceHost): void;
  /** The feature bits of the device type that the driver accepted: told before queues run, and again after each negotiation. */
  negotiated(features: bigint): void;
  /** Looks at a queue: after a doorbell, and when it starts (P16). True if there is more to do than one wake-up should: call again soon. */
  kick(queue: number): boolean;
  /** Goes on with what was taken before; also while no more may be taken. */
  resume(): void;
  /** Resolves when every chain that was taken from an `answered` queue is answered. */
  idle(): Promise<void>;
  /** The driver resets the device, or another begins: all is as it was at first. Resolves when no guest memory is touched any more. */
  reset(): Promise<void>;
}

/** Bits 0 to 23 and 50 to 63, of the 64 that transports carry; 24 to 49 are the queues' and the transport's (VIRTIO 1.4, 2.2). */
export const DEVICE_FEATURES: bigint = ((1n << 64n) - 1n) ^ ((1n << 50n) - (1n << 24n));

/** The queue that tells which driver is there: the first that is answered. */
export function leadingQueue(queues: readonly QueueRole[]): number {
  return Math.max(0, queues.indexOf('answered'));
}
