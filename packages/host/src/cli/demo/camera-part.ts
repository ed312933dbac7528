// SPDX-License-Identifier: Apache-2.0
/** The camera half of the demo, and what the benchmarks measure of any camera: frames at their rate, and a picture of what the camera shows. */
import {
  CaptureClient,
  type ClientFrame,
  type MediaDriver,
  type PictureFormat,
  V4L2_COLORSPACE_REC709,
  V4L2_PIX_FMT_NV12,
  V4L2_YCBCR_ENC_709,
  V4L2_YCBCR_ENC_DEFAULT,
} from '@paravideo/core';
import { DemoError } from './demo-error.ts';
import { type I420Picture, toI420 } from './picture.ts';
import { intervals, mean, percentile } from './statistics.ts';

/** What frames of a camera are like. Times in milliseconds. */
export interface CameraMeasures {
  readonly frames: number;
  readonly width: number;
  readonly height: number;
  /** frames per second that the device agreed to; undefined if it has no frame intervals */
  readonly rate: number | undefined;
  /** mean distance between capture timestamps */
  readonly intervalMean: number;
  /** how far the distance between capture timestamps is off the nominal one, at most, for 99 of 100 frames once settled */
  readonly captureJitterP99: number;
  /** the same of the moments at which the guest got the frames */
  readonly arrivalJitterP99: number;
  /** from STREAMON to the first frame */
  readonly firstFrame: number;
  /** from capture to the guest, of the first frame */
  readonly firstLatency: number;
  /** from capture to the guest, middle and 99th of 100, once `SETTLED` frames have come */
  readonly latencyP50: number;
  readonly latencyP99: number;
  /** frames that came marked as damaged */
  readonly damaged: number;
  /** frames missing from the sequence: the machine was too busy for the rate */
  readonly lost: number;
}

/** Frames after which a camera has found its pace; of a short capture, the first half. */
const SETTLED = 10;

/** What the camera half found. */
export interface CameraResult extends CameraMeasures {
  readonly rate: number;
  /** the last frame */
  readonly snapshot: I420Picture;
}

/** What to capture. */
export interface CameraRequest {
  readonly frames: number;
  readonly rate: number;
  readonly width: number;
  readonly height: number;
}

/** Captures frames as they are asked for. `progress` is told of each. Throws `DemoError` if the camera does not do what was asked. */
export async function runCamera(driver: MediaDriver, request: CameraRequest, progress: () => void): Promise<CameraResult> {
  const { width, height } = request;
  let snapshot: I420Picture | undefined;
  const measures = await measureCamera(driver, request, (frame, i, { colorimetry }) => {
    const { layout } = frame;
    if (layout.width !== width || layout.height !== height || layout.fourcc !== V4L2_PIX_FMT_NV12) {
      throw new DemoError(`the camera does not do NV12 at ${width}x${height}`);
    }
    if (i === request.frames - 1) {
      const picture = toI420({ ...frame, visible: { left: 0, top: 0, width, height } });
      snapshot = { ...picture, matrix: isRec709(colorimetry) ? 'rec709' : 'rec601' };
    }
    progress();
  });
  if (measures.rate === undefined) throw new DemoError('the camera has no frame intervals');
  if (snapshot === undefined) throw new DemoError('at least one frame has to be captured');
  return { ...measures, rate: measures.rate, snapshot };
}

/** Captures frames of whatever the device makes of the request; `each` is told of each frame. */
export async function measureCamera(
  driver: MediaDriver,
  request: CameraRequest,
  each: (frame: ClientFrame, index: number, format: PictureFormat) => void,
): Promise<CameraMeasures> {
  const client = await CaptureClient.open(driver, { memory: driver.transport.sharedLength > 0 ? 'mmap' : 'shared-pages' });
  try {
    const { width, height } = request;
    const wanted = { width, height, pixelformat: V4L2_PIX_FMT_NV12, interval: { numerator: 1, denominator: request.rate } };
    const format = await client.configure(wanted);
    const { interval, layout } = format;
    const started = now();
    await client.start();
    const rate = interval && interval.denominator / interval.numerator;
    const told = (frame: ClientFrame, index: number): void => each(frame, index, format);
    const result = await capture(client, { ...request, width: layout.width, height: layout.height }, rate, started, told);
    await client.stop();
    return result;
  } finally {
    await client.close();
  }
}

/** By V4L2's rule for what is not said. */
function isRec709({ colorspace, ycbcrEnc }: PictureFormat['colorimetry']): boolean {
  if (ycbcrEnc === V4L2_YCBCR_ENC_DEFAULT) return colorspace === V4L2_COLORSPACE_REC709;
  return ycbcrEnc === V4L2_YCBCR_ENC_709;
}

/** Milliseconds of the monotonic clock. */
function now(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

async function capture(
  client: CaptureClient,
  request: CameraRequest,
  rate: number | undefined,
  started: number,
  each: (frame: ClientFrame, index: number) => void,
): Promise<CameraMeasures> {
  const timestamps: number[] = [];
  const arrivals: number[] = [];
  const sequences: number[] = [];
  let damaged = 0;
  for (let i = 0; i < request.frames; i++) {
    const frame = await client.next();
    arrivals.push(now());
    timestamps.push(frame.timestamp / 1000);
    sequences.push(frame.sequence);
    if (frame.error) damaged += 1;
    each(frame, i);
  }
  const nominal = rate === undefined ? mean(intervals(timestamps)) : 1000 / rate;
  const settled = Math.min(SETTLED, Math.floor(request.frames / 2));
  const off = (times: readonly number[]) =>
    percentile(
      intervals(times.slice(settled)).map((ms) => Math.abs(ms - nominal)),
      0.99,
    );
  const latencies = arrivals.map((arrival, i) => arrival - (timestamps[i] ?? arrival));
  return {
    frames: request.frames,
    width: request.width,
    height: request.height,
    rate,
    intervalMean: mean(intervals(timestamps)),
    captureJitterP99: off(timestamps),
    arrivalJitterP99: off(arrivals),
    firstFrame: (arrivals[0] ?? Number.NaN) - started,
    firstLatency: latencies[0] ?? Number.NaN,
    latencyP50: percentile(latencies.slice(settled), 0.5),
    latencyP99: percentile(latencies.slice(settled), 0.99),
    damaged,
    lost: intervals(sequences).reduce((sum, step) => sum + Math.max(0, step - 1), 0),
  };
}
