// SPDX-License-Identifier: Apache-2.0
import { constants } from 'node:os';

/**
 * Signals that ask a process to end: of a person (Ctrl-C, Ctrl-\), of a supervisor, of a terminal that is closed, and one that
 * would end it without a word.
 */
export const ENDING_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR2'] as const;

/** Has this process exit on such a signal, with the code that a shell gives it, and with what 'exit' listeners do. */
export function exitOnSignals(): void {
  for (const name of ENDING_SIGNALS) process.once(name, () => process.exit(128 + constants.signals[name]));
}
