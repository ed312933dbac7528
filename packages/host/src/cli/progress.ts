// SPDX-License-Identifier: Apache-2.0
import { SingleBar } from 'cli-progress';
import type { DemoProgress } from './demo/index.ts';

/** A progress bar on standard error, or nothing where that is not a terminal. */
export function createProgress(quiet: boolean): DemoProgress {
  if (quiet || !process.stderr.isTTY) return { begin: () => {}, step: () => {}, end: () => {} };
  let bar: SingleBar | undefined;
  return {
    begin(what, steps) {
      const format = `${what.padEnd(32).slice(0, 32)} [{bar}] {value}/{total}`;
      bar = new SingleBar({ format, stream: process.stderr, clearOnComplete: true, hideCursor: true, barsize: 30 });
      bar.start(steps, 0);
    },
    step() {
      bar?.increment();
    },
    end() {
      bar?.stop();
      bar = undefined;
    },
  };
}
