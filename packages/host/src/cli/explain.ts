// SPDX-License-Identifier: Apache-2.0
import { DriverError, IoctlError, PciError } from '@paravideo/core';
import { AvError } from '../av/index.ts';
import { ConfigError, DaemonProcessError } from '../daemon/index.ts';
import { FrontendError } from '../frontend/index.ts';
import { SysError } from '../sys/index.ts';
import { SocketPathError } from '../transport/common/index.ts';
import { BenchError } from './bench/index.ts';
import { CliError } from './cli-error.ts';
import { DemoError } from './demo/index.ts';
import { EXIT } from './exit-codes.ts';

/** What to print for an error, and the exit code. What is not a known kind of failure is a bug of ours, shown with its stack. */
export function explain(error: unknown): { lines: readonly string[]; status: number } {
  if (error instanceof ConfigError) return { lines: error.problems, status: EXIT.usage };
  if (error instanceof SocketPathError) return { lines: [error.message], status: EXIT.unavailable };
  if (error instanceof CliError) return { lines: [error.message], status: error.status };
  if (error instanceof DemoError) return { lines: [error.message], status: EXIT.usage };
  if (
    error instanceof DaemonProcessError ||
    error instanceof FrontendError ||
    error instanceof SysError ||
    error instanceof AvError ||
    error instanceof BenchError
  ) {
    return { lines: [error.message], status: EXIT.unavailable };
  }
  if (error instanceof DriverError || error instanceof PciError || error instanceof IoctlError) {
    return { lines: [`the device did not do what it should: ${error.message}`], status: EXIT.failed };
  }
  const system = systemError(error);
  if (system !== undefined) return { lines: [system], status: EXIT.usage };
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { lines: [`this is a bug in paravideo, please report it: ${stack}`], status: EXIT.failed };
}

const REMEDIES: Readonly<Record<string, string>> = {
  EACCES: 'you may not do that: choose another place, or change its permissions',
  EEXIST: 'something else is there: choose another path or remove it',
  EISDIR: 'it is a folder: name a file',
  ENOENT: 'there is no such file or folder: correct the path',
  ENOSPC: 'the disk is full: make room or choose another place',
  ENOTDIR: 'a part of the path is no folder: correct the path',
  EROFS: 'the file system is read-only: choose another place',
};

/** What to say of a path that a person named and the system refused; undefined for any other error. */
function systemError(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error) || !('path' in error)) return undefined;
  const remedy = REMEDIES[String(error.code)];
  return remedy === undefined ? undefined : `${error.path}: ${remedy} (${error.code})`;
}
