// SPDX-License-Identifier: Apache-2.0
import { pino } from 'pino';

/** The daemon's log: structured lines on standard error, written before the call returns, so that none is lost at the end. */
export type Logger = pino.Logger;

/** How much is logged. */
export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent';

/** A logger of lines of JSON. */
export function createLogger(level: LogLevel): Logger {
  return pino(
    { level, base: { pid: process.pid }, timestamp: pino.stdTimeFunctions.isoTime },
    pino.destination({ dest: 2, sync: true }),
  );
}
