// SPDX-License-Identifier: Apache-2.0
/** Where the keepers of child processes report: what pino offers, and what a test can write in four lines. */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}
