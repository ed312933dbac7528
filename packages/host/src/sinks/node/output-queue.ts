// SPDX-License-Identifier: Apache-2.0
/** What a V4L2 node takes, asked of its driver. */
import {
  Errno,
  IoctlError,
  V4L2_BUF_TYPE_VIDEO_OUTPUT,
  V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE,
  V4L2_CAP_STREAMING,
  V4L2_CAP_VIDEO_OUTPUT,
  V4L2_CAP_VIDEO_OUTPUT_MPLANE,
} from '@paravideo/core';
import type { HostNode } from '../../v4l2/index.ts';
import { NodeError } from './node-trouble.ts';

/** Formats that are listed at most; a driver that goes on for ever ends there. */
const MAX_FORMATS = 128;
const LOOPBACK_DRIVER = 'v4l2 loopback';

/** The queue that takes frames: V4L2_BUF_TYPE_VIDEO_OUTPUT or its multi-planar sister. Throws `NodeError` where there is none. */
export async function outputType(node: HostNode): Promise<number> {
  const { caps, driver } = node.capability();
  if ((caps & V4L2_CAP_STREAMING) === 0) throw new NodeError('it cannot stream: name another node');
  if ((caps & V4L2_CAP_VIDEO_OUTPUT) !== 0) return V4L2_BUF_TYPE_VIDEO_OUTPUT;
  if ((caps & V4L2_CAP_VIDEO_OUTPUT_MPLANE) !== 0) return V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE;
  if (driver !== LOOPBACK_DRIVER) throw new NodeError('nothing can be played there: name a node of v4l2loopback, or an output');
  // With `exclusive_caps` and `keep_format` it says that it is a camera alone, and takes frames nevertheless.
  if (await answers(node.gFmt(V4L2_BUF_TYPE_VIDEO_OUTPUT))) return V4L2_BUF_TYPE_VIDEO_OUTPUT;
  throw new NodeError('another program writes into it: end that one (its module has exclusive_caps: it is a camera meanwhile)');
}

/** V4L2 formats of that queue, in the driver's order. */
export async function outputFormats(node: HostNode, type: number): Promise<number[]> {
  const formats: number[] = [];
  for (let index = 0; index < MAX_FORMATS; index++) {
    const format = await node.enumFmt(type, index);
    if (format === undefined) break;
    if (!formats.includes(format.pixelformat)) formats.push(format.pixelformat);
  }
  return formats;
}

async function answers(asked: Promise<unknown>): Promise<boolean> {
  try {
    await asked;
    return true;
  } catch (error) {
    if (error instanceof IoctlError && error.errno === Errno.EINVAL) return false;
    throw error;
  }
}
