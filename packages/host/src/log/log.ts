// SPDX-License-Identifier: Apache-2.0
/** Where everything reports: what pino offers, and what a test can write in four lines. */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}
