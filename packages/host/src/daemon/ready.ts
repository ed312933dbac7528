// SPDX-License-Identifier: Apache-2.0
import { writeSync } from 'node:fs';
import { ConfigError } from './config-error.ts';

/** The first line that says that every socket of the daemon accepts connections. */
export const READY = 'ready';

/**
 * Tells whoever started the daemon that it can be connected to: "ready" and a line per socket (`name kind path`), on standard
 * output or on a descriptor that the starter passed down.
 */
export function announceReady(sockets: readonly { name: string; kind: string; path: string }[], fd = 1): void {
  const lines = sockets.map(({ name, kind, path }) => `${name} ${kind} ${path}\n`);
  try {
    writeSync(fd, `${READY}\n${lines.join('')}`);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    // nobody reads standard output: the daemon serves all the same
    if (fd === 1 && code === 'EPIPE') return;
    throw new ConfigError([`--ready-fd ${fd} cannot be written to (${code ?? error})`]);
  }
}
