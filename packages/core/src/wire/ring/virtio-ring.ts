// SPDX-License-Identifier: Apache-2.0
/** Split virtqueue layout and the feature bits of the ring (VIRTIO 1.4, 2.7). */
import { addr64, struct, u16, u32 } from '../layout.ts';

/** descriptor flag: continues in `next` */
export const VIRTQ_DESC_F_NEXT = 1;
/** descriptor flag: the device writes */
export const VIRTQ_DESC_F_WRITE = 2;
/** descriptor flag: points at a table of descriptors */
export const VIRTQ_DESC_F_INDIRECT = 4;
/** available ring flag: the driver wants no interrupt */
export const VIRTQ_AVAIL_F_NO_INTERRUPT = 1;
/** used ring flag: the device wants no notification */
export const VIRTQ_USED_F_NO_NOTIFY = 1;
/** feature bit: indirect descriptors */
export const VIRTIO_RING_F_INDIRECT_DESC = 28;
/** feature bit: used_event and avail_event */
export const VIRTIO_RING_F_EVENT_IDX = 29;
/** feature bit: not a legacy device */
export const VIRTIO_F_VERSION_1 = 32;
/** largest size of a split ring */
export const VIRTQ_MAX_SIZE = 32768;

/** one descriptor */
export const virtq_desc = struct('virtq_desc', 16, { addr: addr64, len: u32, flags: u16, next: u16 });
/** one entry of the used ring */
export const virtq_used_elem = struct('virtq_used_elem', 8, { id: u32, len: u32 });
