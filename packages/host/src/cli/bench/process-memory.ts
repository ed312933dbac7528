// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { residentMemory } from '../../sys/index.ts';

/** Ids of the processes that a process started and that run now, its children's included. */
export function descendants(pid: number): number[] {
  let children: number[];
  try {
    children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').split(' ').filter(Boolean).map(Number);
  } catch {
    return [];
  }
  return children.flatMap((child) => [child, ...descendants(child)]);
}

/** Resident memory of a process and of all its descendants, in bytes. */
export function residentTree(pid: number): number {
  return [pid, ...descendants(pid)].reduce((sum, each) => sum + (residentMemory(each) ?? 0), 0);
}
