// SPDX-License-Identifier: Apache-2.0
/**
 * What the guest driver needs of its way to the device: memory that both sides see, two rings, doorbells, the configuration
 * space and the window of shared memory region 0. A vhost-user front-end is one; tests have one without a socket.
 */
import type { GuestMemory } from '../memory/guest-memory.ts';
import type { RingFeatures, RingLayout } from '../virtqueue/ring-layout.ts';

/** Guest memory handed out by a transport. */
export interface GuestBlock {
  /** guest-physical address */
  readonly address: number;
  readonly bytes: Uint8Array;
  free(): void;
}

/** The port. */
export interface DriverTransport {
  readonly memory: GuestMemory;
  /** ring features that both sides agreed on */
  readonly features: RingFeatures;
  /** feature bits of the device type that both sides agreed on */
  readonly deviceFeatures: bigint;
  /** Guest memory of at least `length` bytes, zeroed, aligned to `align` (a power of two, default 4096). Throws if there is none left. */
  allocate(length: number, align?: number): GuestBlock;
  /** Bytes of the configuration space; fewer where the device has fewer. */
  readConfig(offset: number, length: number): Promise<Uint8Array>;
  /** Hands a ring to the device and starts it. */
  startQueue(index: number, layout: RingLayout): Promise<void>;
  /** Stops a ring; resolves to the device's next available index. */
  stopQueue(index: number): Promise<number>;
  /**
   * Takes guest memory away from the device as a VMM does that pauses its machine: the rings are stopped, and the driver does
   * not hear of it. Left out by transports that cannot.
   */
  pause?(): Promise<void>;
  /** Goes on after `pause` where the rings stopped. */
  resume?(): Promise<void>;
  /** Rings the device's doorbell. */
  notify(index: number): void;
  /** Called whenever the device interrupts for a queue. One listener a queue. */
  onInterrupt(index: number, listener: () => void): void;
  /** Called whenever the device says that its configuration space has changed. One listener; left out by transports that hear nothing. */
  onConfigChange?(listener: () => void): void;
  /** Bytes of shared memory region 0; 0 if there is none. */
  readonly sharedLength: number;
  /** The guest's view of a part of region 0 that the device mapped; undefined if nothing is mapped there. */
  shared(offset: number, length: number): Uint8Array | undefined;
  /** Access that the device gave to what is mapped at `offset`. A transport that cannot tell leaves the method out. */
  sharedAccess?(offset: number): 'read' | 'read-write' | undefined;
  /** Resolves when the device side went away; the reason is for people. */
  readonly closed: Promise<string>;
  close(): Promise<void>;
}
