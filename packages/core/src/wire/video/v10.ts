// SPDX-License-Identifier: Apache-2.0
/**
 * Structs and numbers of virtio-video, draft v10 (virtio-comment, 13 February 2026): those of raw formats. Other drafts have the
 * same names with other numbers, so each draft is a module of its own. A parameter is a type, a length and that many bytes; it
 * lies on 4 bytes, so 64-bit members may not lie on 8.
 */
import { addr64, struct, u32 } from '../layout.ts';

/** type of a raw format's parameter (`TLV_RAW_FORMAT`) */
export const VIRTIO_VIDEO_TLV_RAW_FORMAT = 5;
/** `planes_layout`: all colour planes in one buffer */
export const VIRTIO_VIDEO_PLANES_LAYOUT_SINGLE_BUFFER = 1;
/** `planes_layout`: each colour plane in a buffer of its own */
export const VIRTIO_VIDEO_PLANES_LAYOUT_MULTI_BUFFERS = 2;

/** head of a parameter; `length` is that of the value, a multiple of 4 */
export const virtio_video_tlv = struct('virtio_video_tlv', 8, { type: u32, length: u32 });

/** value of a raw format's parameter: 36 bytes, no padding at the end; `fourcc` and `modifier` are DRM's, 0 is linear */
export const virtio_video_raw_format = struct('virtio_video_raw_format', 36, {
  planes_layout: u32,
  fourcc: u32,
  modifier: addr64,
  width: u32,
  height: u32,
  stride_align: u32,
  height_align: u32,
  plane_align: u32,
});
