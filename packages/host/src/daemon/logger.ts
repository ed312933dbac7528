// SPDX-License-Identifier: Apache-2.0
import { pino } from 'pino';
import { LogSink } from './log-sink.ts';
import { RepeatLimit, SUMMARY_INTERVAL } from './repeat-limit.ts';

/**
 * The daemon's log: structured lines on standard error, written before the call returns where that is possible at once, so that
 * none is lost at the end; a log that cannot be written neither ends nor blocks the daemon.
 */
export type Logger = pino.Logger;

/** How much is logged. */
export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent';

const INFO = 30;

/** A logger of lines of JSON. Of lines from `info` on that repeat, each socket's logger lets a few pass and counts the rest. */
export function createLogger(level: LogLevel, fd = 2): Logger {
  const limits = new WeakMap<object, RepeatLimit>();
  const options: pino.LoggerOptions = {
    level,
    base: { pid: process.pid },
    timestamp: pino.stdTimeFunctions.isoTime,
    hooks: {
      logMethod(args, method, number) {
        if (number < INFO || admit(limits, this, args, (fields, text) => method.apply(this, [fields, text])))
          method.apply(this, args);
      },
    },
  };
  return level === 'silent' ? pino(options) : pino(options, new LogSink(fd));
}

function admit(
  limits: WeakMap<object, RepeatLimit>,
  logger: object,
  args: readonly unknown[],
  tell: (fields: object, text: string) => void,
): boolean {
  const now = performance.now();
  let limit = limits.get(logger);
  if (limit === undefined) {
    limit = new RepeatLimit(now);
    limits.set(logger, limit);
  }
  const { waiting } = limit;
  if (limit.admit(String(args[1] ?? args[0]), now)) return true;
  if (!waiting) {
    setTimeout(() => {
      for (const { text, count } of limit.suppressed())
        tell({ suppressed: count }, `${count} more lines like this were suppressed: ${text}`);
    }, SUMMARY_INTERVAL).unref();
  }
  return false;
}
