// SPDX-License-Identifier: Apache-2.0
/** What a camera of this machine can do, asked of its driver. It sets nothing, so that a camera that another program uses can be asked, too. */
import {
  Errno,
  type Fraction,
  type FrameInterval,
  formatInfo,
  IoctlError,
  type PictureSize,
  type SourceIntervals,
  type SourceSizes,
  V4L2_BUF_TYPE_VIDEO_CAPTURE,
  V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE,
  V4L2_CAP_STREAMING,
  V4L2_CAP_VIDEO_CAPTURE,
  V4L2_CAP_VIDEO_CAPTURE_MPLANE,
} from '@paravideo/core';
import type { HostNode } from '../../v4l2/index.ts';
import type { CameraDescription, DescribedFormat, DescribedRates } from './camera-messages.ts';
import { CameraError } from './camera-trouble.ts';
import { describeControls } from './node-controls.ts';

/** Formats, sizes of a format, and rates of a size that are listed at most; a driver that goes on for ever ends there. */
const MAX_LIST = 64;
const DEFAULT_INTERVAL: Fraction = { numerator: 1, denominator: 30 };

/** The queue that frames come from: V4L2_BUF_TYPE_VIDEO_CAPTURE or its multi-planar sister. Throws `CameraError` where there is none. */
export function captureType(node: HostNode): number {
  const { caps } = node.capability();
  if ((caps & V4L2_CAP_STREAMING) === 0) throw new CameraError('it cannot stream: name another node of the camera');
  if ((caps & V4L2_CAP_VIDEO_CAPTURE) !== 0) return V4L2_BUF_TYPE_VIDEO_CAPTURE;
  if ((caps & V4L2_CAP_VIDEO_CAPTURE_MPLANE) !== 0) return V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE;
  throw new CameraError(
    'no video is captured there (metadata, output and codecs have nodes, too): name another node of the camera',
  );
}

/** Throws `CameraError`, and what the driver says. */
export async function describeNode(node: HostNode): Promise<CameraDescription> {
  const type = captureType(node);
  const { card, driver } = node.capability();
  const current = await node.gFmt(type);
  const formats: DescribedFormat[] = [];
  for (let index = 0; index < MAX_LIST; index++) {
    const format = await node.enumFmt(type, index);
    if (format === undefined) break;
    // What nobody here knows the layout of cannot be handed on.
    if (formatInfo(format.pixelformat) === undefined || formats.some(({ fourcc }) => fourcc === format.pixelformat)) continue;
    formats.push(await describeFormat(node, format.pixelformat, current));
  }
  if (formats.length === 0) throw new CameraError('none of its formats is known here');
  const controls = await describeControls(node);
  return {
    card,
    driver,
    formats,
    size: { width: current.width, height: current.height },
    interval: await currentInterval(node, type),
    colorimetry: {
      colorspace: current.colorspace,
      ycbcrEnc: current.ycbcrEnc,
      quantization: current.quantization,
      xferFunc: current.xferFunc,
    },
    ...controls,
  };
}

async function describeFormat(node: HostNode, fourcc: number, current: PictureSize): Promise<DescribedFormat> {
  const sizes = await describeSizes(node, fourcc, current);
  const list: readonly PictureSize[] =
    sizes.kind === 'discrete' ? sizes.sizes : [{ width: sizes.range.maxWidth, height: sizes.range.maxHeight }];
  const rates: DescribedRates[] = [];
  for (const { width, height } of list) {
    rates.push({ width, height, intervals: await describeIntervals(node, fourcc, width, height) });
  }
  return { fourcc, sizes, rates };
}

/** A driver that lists no sizes has the one that it is in. */
async function describeSizes(node: HostNode, fourcc: number, current: PictureSize): Promise<SourceSizes> {
  const sizes: PictureSize[] = [];
  for (let index = 0; index < MAX_LIST; index++) {
    const size = await unlessMissing(node.enumFramesizes(fourcc, index));
    if (size === undefined) break;
    if (size.kind === 'stepwise') {
      const { kind: _, ...range } = size;
      return { kind: 'stepwise', range };
    }
    const { width, height } = size;
    if (!sizes.some((other) => other.width === width && other.height === height)) sizes.push({ width, height });
  }
  return { kind: 'discrete', sizes: sizes.length > 0 ? sizes : [{ width: current.width, height: current.height }] };
}

async function describeIntervals(node: HostNode, fourcc: number, width: number, height: number): Promise<SourceIntervals> {
  const intervals: Fraction[] = [];
  for (let index = 0; index < MAX_LIST; index++) {
    const interval: FrameInterval | undefined = await unlessMissing(node.enumFrameintervals(fourcc, width, height, index));
    if (interval === undefined) break;
    if (interval.kind === 'stepwise') return { kind: 'continuous', min: interval.min, max: interval.max };
    if (interval.interval.numerator > 0 && interval.interval.denominator > 0) intervals.push(interval.interval);
  }
  return { kind: 'discrete', intervals: intervals.length > 0 ? intervals : [DEFAULT_INTERVAL] };
}

async function currentInterval(node: HostNode, type: number): Promise<Fraction> {
  const parameters = await unlessMissing(node.gParm(type));
  const interval = parameters?.timeperframe;
  return interval !== undefined && interval.numerator > 0 && interval.denominator > 0 ? interval : DEFAULT_INTERVAL;
}

/** Undefined for what a driver does not have, and for what it does not have in the state that it is in. */
async function unlessMissing<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof IoctlError && MISSING.has(error.errno)) return undefined;
    throw error;
  }
}

const MISSING: ReadonlySet<number> = new Set([Errno.ENOTTY, Errno.EINVAL, Errno.ENODATA]);
