// SPDX-License-Identifier: Apache-2.0
import { readlinkSync } from 'node:fs';
import type { Fd } from './fd.ts';

/** Characters of a file's name that are worth a line of the log. */
const MAX_NAME = 100;

/** What is behind a descriptor; `other` says what the kernel calls it. */
export type DescriptorKind = 'eventfd' | 'pipe' | 'socket' | { readonly other: string };

/**
 * Asks the kernel alone, never a file system behind the descriptor (which may keep us waiting for ever): the name that it has for what
 * is open. A FIFO with a name is a file here.
 */
export function descriptorKind(fd: Fd): DescriptorKind {
  const name = readlinkSync(`/proc/self/fd/${fd.number}`);
  if (name === 'anon_inode:[eventfd]') return 'eventfd';
  if (name.startsWith('pipe:[')) return 'pipe';
  if (name.startsWith('socket:[')) return 'socket';
  return { other: name.slice(0, MAX_NAME) };
}
