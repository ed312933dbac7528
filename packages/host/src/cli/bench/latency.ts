// SPDX-License-Identifier: Apache-2.0
import { type DriverSession, V4L2_BUF_TYPE_VIDEO_CAPTURE, V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE } from '@paravideo/core';
import { drain, eventfd, setBlocking, signal, waitForRing, watch } from '../../sys/index.ts';
import { percentile } from '../demo/index.ts';
import { HelperProcess } from './helper-process.ts';

/** Microseconds of a round trip. */
export interface RoundTrip {
  readonly samples: number;
  /** those that came before, to warm up, included */
  readonly calls: number;
  readonly p50: number;
  readonly p99: number;
}

const WARM_UP = 2000;
const SAMPLES = 20_000;

/** The baseline below all of ours: two processes that block in reads of eventfds and ring each other, with no event loop. */
export async function blockingLatency(): Promise<RoundTrip> {
  using question = eventfd();
  using answer = eventfd();
  setBlocking(answer);
  await using _other = await HelperProcess.start(
    'blocking-process',
    [String(process.pid)],
    [question.number, answer.number],
    true,
  );
  const once = (): void => {
    signal(question);
    waitForRing(answer);
  };
  for (let i = 0; i < WARM_UP; i++) once();
  const times: number[] = [];
  for (let i = 0; i < SAMPLES; i++) {
    const start = performance.now();
    once();
    times.push((performance.now() - start) * 1000);
  }
  return { samples: SAMPLES, calls: WARM_UP + SAMPLES, p50: percentile(times, 0.5), p99: percentile(times, 0.99) };
}

/** Times `once`, one after the other. */
export async function measure(once: () => Promise<unknown>, samples = SAMPLES): Promise<RoundTrip> {
  const warmUp = Math.min(WARM_UP, samples);
  for (let i = 0; i < warmUp; i++) await once();
  const times: number[] = [];
  for (let i = 0; i < samples; i++) {
    const start = performance.now();
    await once();
    times.push((performance.now() - start) * 1000);
  }
  return { samples, calls: warmUp + samples, p50: percentile(times, 0.5), p99: percentile(times, 0.99) };
}

/** The round trip of a small ioctl that changes nothing: VIDIOC_G_FMT, 208 bytes each way. */
export async function ioctlLatency(session: DriverSession): Promise<RoundTrip> {
  const single = await session.gFmt(V4L2_BUF_TYPE_VIDEO_CAPTURE).then(
    () => true,
    () => false,
  );
  const type = single ? V4L2_BUF_TYPE_VIDEO_CAPTURE : V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE;
  // A decoder need not have a format before it has seen a stream: its refusal makes the same way.
  return measure(() => session.gFmt(type).catch(() => {}));
}

/** The baseline: two event loops in two processes that do nothing but ring each other's eventfd, through the same `watch`. */
export async function pingPongLatency(): Promise<RoundTrip> {
  using question = eventfd();
  using answer = eventfd();
  await using _other = await HelperProcess.start('ping-pong-process', [], [question.number, answer.number]);
  let rung: () => void = () => {};
  using _watching = watch(answer, () => {
    drain(answer);
    rung();
  });
  return await measure(
    () =>
      new Promise<void>((resolve) => {
        rung = resolve;
        signal(question);
      }),
  );
}
