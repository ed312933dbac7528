// SPDX-License-Identifier: Apache-2.0
/** The camera half of the demo: frames at their rate, and a picture of what the camera shows. */
import { CaptureClient, type MediaDriver, V4L2_PIX_FMT_NV12 } from '@paravideo/core';
import { DemoError } from './demo-error.ts';
import { type I420Picture, toI420 } from './picture.ts';
import { intervals, mean, percentile } from './statistics.ts';

/** What the camera half found. Times in milliseconds. */
export interface CameraResult {
  readonly frames: number;
  readonly width: number;
  readonly height: number;
  /** frames per second that the device agreed to */
  readonly rate: number;
  /** mean distance between capture timestamps */
  readonly intervalMean: number;
  /** how far the distance between capture timestamps is off the nominal one, at most, for 99 of 100 frames */
  readonly captureJitterP99: number;
  /** the same of the moments at which the guest got the frames */
  readonly arrivalJitterP99: number;
  /** from capture to the guest, middle and 99th of 100 */
  readonly latencyP50: number;
  readonly latencyP99: number;
  /** frames that came marked as damaged */
  readonly damaged: number;
  /** frames missing from the sequence: the machine was too busy for the rate */
  readonly lost: number;
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

/** Captures frames. `progress` is told of each. Throws `DemoError` if the camera does not do what was asked. */
export async function runCamera(driver: MediaDriver, request: CameraRequest, progress: () => void): Promise<CameraResult> {
  const client = await CaptureClient.open(driver);
  try {
    const { width, height } = request;
    const interval = { numerator: 1, denominator: request.rate };
    const agreed = await client.configure({ width, height, pixelformat: V4L2_PIX_FMT_NV12, interval });
    if (agreed.layout.width !== width || agreed.layout.height !== height || agreed.layout.fourcc !== V4L2_PIX_FMT_NV12) {
      throw new DemoError(`the camera does not do NV12 at ${width}x${height}`);
    }
    await client.start();
    const result = await capture(client, request, agreed.interval.denominator / agreed.interval.numerator, progress);
    await client.stop();
    return result;
  } finally {
    await client.close();
  }
}

async function capture(client: CaptureClient, request: CameraRequest, rate: number, progress: () => void): Promise<CameraResult> {
  const timestamps: number[] = [];
  const arrivals: number[] = [];
  const sequences: number[] = [];
  let damaged = 0;
  let snapshot: I420Picture | undefined;
  for (let i = 0; i < request.frames; i++) {
    const frame = await client.next();
    arrivals.push(Number(process.hrtime.bigint()) / 1e6);
    timestamps.push(frame.timestamp / 1000);
    sequences.push(frame.sequence);
    if (frame.error) damaged += 1;
    const visible = { left: 0, top: 0, width: frame.layout.width, height: frame.layout.height };
    if (i === request.frames - 1) snapshot = toI420({ ...frame, visible });
    progress();
  }
  if (snapshot === undefined) throw new DemoError('at least one frame has to be captured');
  const nominal = 1000 / rate;
  const off = (times: readonly number[]) =>
    percentile(
      intervals(times).map((ms) => Math.abs(ms - nominal)),
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
    latencyP50: percentile(latencies, 0.5),
    latencyP99: percentile(latencies, 0.99),
    damaged,
    lost: intervals(sequences).reduce((sum, step) => sum + Math.max(0, step - 1), 0),
    snapshot,
  };
}
