// SPDX-License-Identifier: Apache-2.0
import type { Clock } from '@paravideo/core';

/** The longest delay that Node's timers take in one piece, in milliseconds. */
const LONGEST_DELAY = 2 ** 31 - 1;

/** CLOCK_MONOTONIC and Node's timers (1 ms grain: `fire` comes up to about a millisecond late, never early). */
export class LinuxClock implements Clock {
  /** microseconds of CLOCK_MONOTONIC */
  now(): number {
    const [seconds, nanoseconds] = process.hrtime();
    return seconds * 1_000_000 + Math.floor(nanoseconds / 1000);
  }

  /** @see Clock.at */
  at(time: number, fire: () => void): Disposable {
    let timer: NodeJS.Timeout | undefined;
    const arm = (): void => {
      const left = time - this.now();
      timer = setTimeout(
        () => {
          timer = undefined;
          // Node counts from the start of the loop's turn, so a timer may fire a fraction of a millisecond early.
          if (this.now() < time) arm();
          else fire();
        },
        Math.min(Math.max(Math.floor(left / 1000), 0), LONGEST_DELAY),
      );
    };
    arm();
    return {
      [Symbol.dispose]() {
        clearTimeout(timer);
        timer = undefined;
      },
    };
  }
}
