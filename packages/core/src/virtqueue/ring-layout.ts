// SPDX-License-Identifier: Apache-2.0
/** Where a ring lies and how it was negotiated. */
import { bit } from '../base/bits.ts';
import { VIRTIO_RING_F_EVENT_IDX, VIRTIO_RING_F_INDIRECT_DESC } from '../wire/index.ts';

/** Guest-physical addresses of the three parts; `size` is the number of entries, of a split ring a power of two up to 32768. */
export interface RingLayout {
  readonly size: number;
  readonly descriptors: number;
  readonly available: number;
  readonly used: number;
}

/** Bytes of the three parts of a ring. */
export interface RingAreas {
  readonly descriptors: number;
  readonly available: number;
  readonly used: number;
}

/** Negotiated ring features. */
export interface RingFeatures {
  /** VIRTIO_RING_F_INDIRECT_DESC */
  readonly indirect: boolean;
  /** VIRTIO_RING_F_EVENT_IDX */
  readonly eventIdx: boolean;
}

/** Feature bits of rings that a transport offers for its queues. */
export const RING_FEATURES: bigint = bit(VIRTIO_RING_F_INDIRECT_DESC) | bit(VIRTIO_RING_F_EVENT_IDX);

/** The ring features among feature bits. */
export function ringFeatures(bits: bigint): RingFeatures {
  return {
    indirect: (bits & bit(VIRTIO_RING_F_INDIRECT_DESC)) !== 0n,
    eventIdx: (bits & bit(VIRTIO_RING_F_EVENT_IDX)) !== 0n,
  };
}

/** Before any negotiation. */
export const NO_RING_FEATURES: RingFeatures = ringFeatures(0n);

/** True if two negotiations agreed on the same. */
export function sameRingFeatures(a: RingFeatures, b: RingFeatures): boolean {
  return a.indirect === b.indirect && a.eventIdx === b.eventIdx;
}

/** Bytes of the three parts of a split ring of `size` entries (VIRTIO 1.4, 2.7.2). */
export function ringBytes(size: number): RingAreas {
  return { descriptors: 16 * size, available: 6 + 2 * size, used: 6 + 8 * size };
}
