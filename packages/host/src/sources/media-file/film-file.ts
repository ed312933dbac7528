// SPDX-License-Identifier: Apache-2.0

import { closeSync, constants, fstatSync, openSync, type Stats } from 'node:fs';
import { SourceError } from '@paravideo/core';

/**
 * Opens a file that is to be shown, and answers its descriptor. Throws `SourceError` if it cannot be opened, or is something
 * that cannot be read from any place and again and again. Never waits: a FIFO without a writer does not hold up the caller.
 */
export function openFilm(path: string): number {
  let file: number;
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    throw new SourceError(`${path} cannot be shown: ${refusal(error)}`, { cause: error });
  }
  const reason = unfit(fstatSync(file));
  if (reason === undefined) return file;
  closeSync(file);
  throw new SourceError(`${path} cannot be shown: ${reason}`);
}

function refusal(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
  if (code === 'ENOENT') return 'there is no such file (ENOENT): look at its name and folder';
  if (code === 'EACCES') return 'this user may not read it (EACCES): give it, and its folder, permission to';
  if (code === 'ENXIO') return `it is a socket or a device without anybody behind it (ENXIO): ${ASK}`;
  return `it cannot be opened (${code})`;
}

const ASK = 'give a file with a film or a picture';

function unfit(stats: Stats): string | undefined {
  if (stats.isDirectory()) return `it is a folder: ${ASK}, or show its pictures as slides: PATH`;
  if (stats.isFIFO()) return `it is a FIFO, and a film is read again from its beginning: ${ASK}, or show it as fifo: PATH`;
  if (!stats.isFile() && !stats.isBlockDevice()) return `it is a device, and a film is read again from its beginning: ${ASK}`;
  return stats.isFile() && stats.size === 0 ? `it is empty: ${ASK}` : undefined;
}
