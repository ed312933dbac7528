// SPDX-License-Identifier: Apache-2.0
/** The plane sizes that VIDIOC_CREATE_BUFS asks for. */

import { isMultiplanar, v4l2_create_buffers } from '../../wire/index.ts';

/**
 * Sizes from the format in the payload, one per plane: not below what the format of the queue needs, not above `max`
 * bytes, and as many planes as the queue has. Undefined: EINVAL.
 */
export function createSizes(view: DataView, type: number, needed: readonly number[], max: number): number[] | undefined {
  const { pix, pix_mp } = v4l2_create_buffers.fields.format.fields.fmt.fields;
  const multi = isMultiplanar(type);
  if (multi && pix_mp.fields.num_planes.get(view, 0) !== needed.length) return undefined;
  const sizes = needed.map((_, i) =>
    multi ? pix_mp.fields.plane_fmt.at(i).fields.sizeimage.get(view, 0) : pix.fields.sizeimage.get(view, 0),
  );
  return sizes.every((size, i) => size >= (needed[i] ?? 0) && size > 0 && size <= max) ? sizes : undefined;
}
