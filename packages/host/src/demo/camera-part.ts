// SPDX-License-Identifier: Apache-2.0
/** Part (b) of the demo: frames of the camera at their rate, and a picture of it. */
import { type MediaDriver, V4L2_PIX_FMT_NV12 } from '@paravideo/core';
import { Capture } from './capture.ts';
import type { I420Picture } from './picture.ts';
import { intervals, mean, percentile } from './statistics.ts';

/** What the camera part found. Times in milliseconds. */
export interface CameraResult {
  readonly frames: number;
  readonly width: number;
  readonly height: number;
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
  /** frames that are missing from the sequence, or marked as damaged */
  readonly lost: number;
  /** the last frame */
  readonly snapshot: I420Picture;
}

/** Captures `frames` frames at `rate` frames per second. `progress` is told of each. */
export async function runCamera(driver: MediaDriver, frames: number, rate: number, progress: () => void): Promise<CameraResult> {
  await using capture = await Capture.start(driver, { width: 1280, height: 720, pixelformat: V4L2_PIX_FMT_NV12, rate });
  const timestamps: number[] = [];
  const arrivals: number[] = [];
  const sequences: number[] = [];
  let damaged = 0;
  let snapshot: I420Picture | undefined;
  await capture.run(frames, (frame, i) => {
    timestamps.push(frame.timestamp / 1000);
    arrivals.push(frame.arrival / 1000);
    sequences.push(frame.sequence);
    if (frame.error) damaged += 1;
    if (i === frames - 1) snapshot = frame.picture();
    progress();
  });
  if (snapshot === undefined) throw new RangeError('a capture takes at least one frame');
  const nominal = 1000 / capture.rate;
  const off = (times: readonly number[]) =>
    percentile(
      intervals(times).map((ms) => Math.abs(ms - nominal)),
      0.99,
    );
  const latencies = arrivals.map((arrival, i) => arrival - (timestamps[i] ?? arrival));
  return {
    frames,
    width: capture.format.width,
    height: capture.format.height,
    rate: capture.rate,
    intervalMean: mean(intervals(timestamps)),
    captureJitterP99: off(timestamps),
    arrivalJitterP99: off(arrivals),
    latencyP50: percentile(latencies, 0.5),
    latencyP99: percentile(latencies, 0.99),
    lost: damaged + intervals(sequences).reduce((sum, step) => sum + Math.max(0, step - 1), 0),
    snapshot,
  };
}
