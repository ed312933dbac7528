// SPDX-License-Identifier: Apache-2.0
/**
 * How virtio-video v10 says where the planes of a raw picture lie: by three alignments, from which device and driver compute
 * the same places (draft v10, `struct virtio_video_raw_format`). Here they are found for a layout.
 */
import { alignedLayout, type PictureLayout, type PlaneAlignment } from '../../picture/index.ts';
import {
  VIRTIO_VIDEO_PLANES_LAYOUT_MULTI_BUFFERS,
  VIRTIO_VIDEO_PLANES_LAYOUT_SINGLE_BUFFER,
  VIRTIO_VIDEO_TLV_RAW_FORMAT,
  virtio_video_raw_format,
  virtio_video_tlv,
} from '../../wire/video/v10.ts';
import { drmFormat } from './drm-format.ts';

/** A raw format of a linear picture, as a parameter has it. */
export interface RawFormat {
  /** VIRTIO_VIDEO_PLANES_LAYOUT_* */
  readonly planesLayout: number;
  /** DRM's code */
  readonly fourcc: number;
  readonly width: number;
  readonly height: number;
  readonly align: PlaneAlignment;
}

/** Bytes of a raw format's parameter with its head. */
export const RAW_FORMAT_BYTES = virtio_video_tlv.size + virtio_video_raw_format.size;

/**
 * The format by which a driver finds the planes where `layout` has them, with the smallest alignments that do it. `offered`
 * has the `*_align_mask` of the device's capabilities, each the sum of the powers of two that it supports. Undefined if DRM
 * has no such format, or if no alignment that is offered makes this layout.
 */
export function rawFormat(layout: PictureLayout, offered: PlaneAlignment): RawFormat | undefined {
  const fourcc = drmFormat(layout.fourcc);
  if (fourcc === undefined) return undefined;
  const { width, height } = layout;
  const single = layout.sizes.length === 1;
  const planesLayout = single ? VIRTIO_VIDEO_PLANES_LAYOUT_SINGLE_BUFFER : VIRTIO_VIDEO_PLANES_LAYOUT_MULTI_BUFFERS;
  for (const stride of powers(offered.stride)) {
    for (const lines of powers(offered.height)) {
      // Where each plane has a buffer of its own, the alignment of planes means nothing.
      for (const plane of single ? powers(offered.plane) : [1]) {
        const align = { stride, height: lines, plane };
        const made = alignedLayout(layout.fourcc, width, height, align);
        if (made !== undefined && samePlaces(made, layout)) return { planesLayout, fourcc, width, height, align };
      }
    }
  }
  return undefined;
}

/** Writes a raw format's parameter at `base`: `RAW_FORMAT_BYTES` bytes. */
export function writeRawFormat(view: DataView, base: number, format: RawFormat): void {
  const { type, length } = virtio_video_tlv.fields;
  type.set(view, base, VIRTIO_VIDEO_TLV_RAW_FORMAT);
  length.set(view, base, virtio_video_raw_format.size);
  const value = virtio_video_raw_format.fields;
  const at = base + virtio_video_tlv.size;
  value.planes_layout.set(view, at, format.planesLayout);
  value.fourcc.set(view, at, format.fourcc);
  value.modifier.set(view, at, 0);
  value.width.set(view, at, format.width);
  value.height.set(view, at, format.height);
  value.stride_align.set(view, at, format.align.stride);
  value.height_align.set(view, at, format.align.height);
  value.plane_align.set(view, at, format.align.plane);
}

/** The powers of two whose sum is `mask`, smallest first. */
function powers(mask: number): number[] {
  return Array.from({ length: 32 }, (_, bit) => 2 ** bit).filter((power) => Math.floor(mask / power) % 2 === 1);
}

function samePlaces(a: PictureLayout, b: PictureLayout): boolean {
  return (
    a.colours.length === b.colours.length &&
    a.colours.every(({ offset, stride }, i) => offset === b.colours[i]?.offset && stride === b.colours[i]?.stride) &&
    a.sizes.every((size, i) => size === b.sizes[i])
  );
}
