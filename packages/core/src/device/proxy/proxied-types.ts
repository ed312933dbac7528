// SPDX-License-Identifier: Apache-2.0
/** The buffer types that a proxy carries. Overlays are none: their structs hold pointers. */
import {
  V4L2_BUF_TYPE_META_CAPTURE,
  V4L2_BUF_TYPE_META_OUTPUT,
  V4L2_BUF_TYPE_VIDEO_CAPTURE,
  V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE,
  V4L2_BUF_TYPE_VIDEO_OUTPUT,
  V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE,
  V4L2_CAP_AUDIO,
  V4L2_CAP_EXT_PIX_FORMAT,
  V4L2_CAP_IO_MC,
  V4L2_CAP_META_CAPTURE,
  V4L2_CAP_META_OUTPUT,
  V4L2_CAP_MODULATOR,
  V4L2_CAP_STREAMING,
  V4L2_CAP_TUNER,
  V4L2_CAP_VIDEO_CAPTURE,
  V4L2_CAP_VIDEO_CAPTURE_MPLANE,
  V4L2_CAP_VIDEO_M2M,
  V4L2_CAP_VIDEO_M2M_MPLANE,
  V4L2_CAP_VIDEO_OUTPUT,
  V4L2_CAP_VIDEO_OUTPUT_MPLANE,
} from '../../wire/index.ts';

const OUTPUTS: readonly number[] = [V4L2_BUF_TYPE_VIDEO_OUTPUT, V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE, V4L2_BUF_TYPE_META_OUTPUT];

const TYPES: ReadonlySet<number> = new Set([
  V4L2_BUF_TYPE_VIDEO_CAPTURE,
  V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE,
  V4L2_BUF_TYPE_META_CAPTURE,
  ...OUTPUTS,
]);

/** Kinds of nodes that a proxy can be of. */
const KINDS =
  V4L2_CAP_VIDEO_CAPTURE |
  V4L2_CAP_VIDEO_CAPTURE_MPLANE |
  V4L2_CAP_VIDEO_OUTPUT |
  V4L2_CAP_VIDEO_OUTPUT_MPLANE |
  V4L2_CAP_VIDEO_M2M |
  V4L2_CAP_VIDEO_M2M_MPLANE |
  V4L2_CAP_META_CAPTURE |
  V4L2_CAP_META_OUTPUT;

/** What a node can do beside that, in ioctls that a proxy carries. */
const ABILITIES = V4L2_CAP_TUNER | V4L2_CAP_MODULATOR | V4L2_CAP_AUDIO | V4L2_CAP_EXT_PIX_FORMAT | V4L2_CAP_IO_MC;

/** True if buffers of this V4L2_BUF_TYPE_* can be handed through. */
export function isProxied(type: number): boolean {
  return TYPES.has(type);
}

/** True if the data of this type goes to the device. */
export function goesToDevice(type: number): boolean {
  return OUTPUTS.includes(type);
}

/**
 * The V4L2_CAP_* that guests see of a node with these: read(2) and overlays do not travel. 0 for a node that cannot be handed through,
 * since it has no video or metadata, or cannot stream.
 */
export function proxiedCaps(caps: number): number {
  if ((caps & KINDS) === 0 || (caps & V4L2_CAP_STREAMING) === 0) return 0;
  return (caps & (KINDS | ABILITIES | V4L2_CAP_STREAMING)) >>> 0;
}
