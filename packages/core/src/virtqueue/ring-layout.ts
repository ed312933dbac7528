// SPDX-License-Identifier: Apache-2.0
/** Where a split ring lies and how it was negotiated. */

/** Guest-physical addresses of the three parts; `size` is the number of entries, a power of two up to 32768. */
export interface RingLayout {
  readonly size: number;
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

/** Bytes of the three parts of a ring of `size` entries (VIRTIO 1.4, 2.7.2). */
export function ringBytes(size: number): { descriptors: number; available: number; used: number } {
  return { descriptors: 16 * size, available: 6 + 2 * size, used: 6 + 8 * size };
}
