// SPDX-License-Identifier: Apache-2.0
/** Questions about V4L2_BUF_TYPE_*. */
import {
  V4L2_BUF_TYPE_VIDEO_CAPTURE,
  V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE,
  V4L2_BUF_TYPE_VIDEO_OUTPUT,
  V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE,
} from './videodev2-constants.gen.ts';

/** True for the two multi-planar video types. */
export function isMultiplanar(type: number): boolean {
  return type === V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE || type === V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE;
}

/** True for the two video types whose data goes to the device. */
export function isOutput(type: number): boolean {
  return type === V4L2_BUF_TYPE_VIDEO_OUTPUT || type === V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE;
}

/**
 * The type that selections use for a queue: the guest's V4L2 core turns multi-planar types into single-planar ones, older
 * programs pass the multi-planar one, and both mean the same (VIDIOC_G_SELECTION).
 */
export function selectionType(type: number): number {
  if (type === V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE) return V4L2_BUF_TYPE_VIDEO_CAPTURE;
  if (type === V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE) return V4L2_BUF_TYPE_VIDEO_OUTPUT;
  return type;
}
