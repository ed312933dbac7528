// SPDX-License-Identifier: Apache-2.0
/** A monotonic clock and its timers. On Linux it is CLOCK_MONOTONIC, so that timestamps mean what V4L2 says they mean. */
export interface Clock {
  /** microseconds, monotonic, a safe integer */
  now(): number;
  /** Calls `fire` once, at or after `time` (microseconds of `now()`). */
  at(time: number, fire: () => void): Disposable;
}
