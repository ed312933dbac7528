// SPDX-License-Identifier: Apache-2.0
/** What a guest and a daemon hold of their machines, to compare before and after. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { descendants } from '../../../packages/host/src/cli/bench/process-memory.ts';
import type { Guest } from '../harness/index.ts';

/**
 * KiB of memory that the guest could give to programs. Freed single pages wait in lists of each processor, up to some 50 MiB, that
 * MemAvailable does not count: they are counted here.
 */
export async function guestMemory(guest: Guest): Promise<number> {
  const text = await guest.must('sync; echo 3 > /proc/sys/vm/drop_caches; cat /proc/meminfo /proc/zoneinfo');
  const waiting = [...text.matchAll(/^\s+count: +(\d+)$/gm)].reduce((pages, match) => pages + Number(match[1]), 0);
  return Number(/MemAvailable: +(\d+)/.exec(text)?.[1]) + 4 * waiting;
}

export interface DaemonHoldings {
  readonly descriptors: number;
  readonly memfds: number;
  readonly processes: number;
  /** KiB of memory that it and its children have for themselves; the guest's, which they map, is not counted */
  readonly privateKiB: number;
}

/** What a daemon holds now. */
export function daemonHoldings(pid: number): DaemonHoldings {
  const folder = `/proc/${pid}/fd`;
  const links = readdirSync(folder).flatMap((fd) => {
    try {
      return [readlinkSync(`${folder}/${fd}`)];
    } catch {
      return [];
    }
  });
  const processes = [pid, ...descendants(pid)];
  return {
    descriptors: links.length,
    memfds: links.filter((link) => link.startsWith('/memfd:')).length,
    processes: processes.length,
    privateKiB: processes.reduce((sum, each) => sum + anonymousMemory(each), 0),
  };
}

function anonymousMemory(pid: number): number {
  try {
    return Number(/^RssAnon:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]);
  } catch {
    // it has just ended
    return 0;
  }
}
