// SPDX-License-Identifier: Apache-2.0
/** What the commands `npm run vm`, `vm:setup`, `demo:vm` and `bench:vm` have in common in how they are used. */
import { type ParseArgsConfig, parseArgs } from 'node:util';

/** The transports that `--transport` names. */
export const VM_TRANSPORTS = ['vhost-user', 'vfio-user'] as const;

/** Reads the flags. `--help` prints `usage` and ends the process with status 0; a flag that is not known ends it with status 2. */
export function readFlags<T extends ParseArgsConfig>(usage: string, config: T): ReturnType<typeof parseArgs<T>> {
  const words = process.argv.slice(2);
  // what follows -- is for others
  const end = words.indexOf('--');
  if (words.slice(0, end === -1 ? words.length : end).some((word) => word === '--help' || word === '-h')) {
    console.log(usage);
    process.exit(0);
  }
  try {
    return parseArgs(config);
  } catch (error) {
    return misused((error as Error).message, usage);
  }
}

/** The value of a flag, if it is one of some words; ends the process with status 2 otherwise. */
export function oneOf<T extends string>(flag: string, value: string, words: readonly T[]): T {
  const found = words.find((word) => word === value);
  return found ?? misused(`--${flag} ${value}: must be ${words.join(' or ')}`);
}

function misused(...lines: readonly string[]): never {
  for (const line of lines) console.error(line);
  process.exit(2);
}
