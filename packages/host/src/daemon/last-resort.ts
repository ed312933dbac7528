// SPDX-License-Identifier: Apache-2.0
/**
 * What becomes of an exception that nobody caught while the daemon serves: inside a guest's wall it ends that guest's device; elsewhere
 * it is logged and the daemon serves on, since many guests are worth more than the part that failed. Too many of those in a
 * short time, and the daemon ends cleanly, for its supervisor to start it afresh.
 */
import { GuestWall } from '../transport/common/index.ts';
import type { Logger } from './logger.ts';

/** Faults of no guest within FAULT_WINDOW milliseconds that the daemon lives through. */
const MAX_FAULTS = 10;
const FAULT_WINDOW = 60_000;

/** Catches from now on; `giveUp` is called when there are too many. Disposing gives the process its own ways back. */
export function lastResort(log: Logger, giveUp: () => void): Disposable {
  let recent: number[] = [];
  const caught = (fault: unknown): void => {
    if (GuestWall.ended(fault)) return;
    const now = performance.now();
    recent = [...recent.filter((then) => now - then < FAULT_WINDOW), now];
    log.error({ err: fault }, 'a fault of our own that belongs to no guest: serving on');
    if (recent.length > MAX_FAULTS) giveUp();
  };
  const warned = (warning: Error): void => log.warn({ err: warning }, 'a warning of Node');
  // Node's own listener writes to standard error, and waits for it.
  process.removeAllListeners('warning');
  process.on('uncaughtException', caught).on('unhandledRejection', caught).on('warning', warned);
  return {
    [Symbol.dispose]: () =>
      void process.off('uncaughtException', caught).off('unhandledRejection', caught).off('warning', warned),
  };
}
