// SPDX-License-Identifier: Apache-2.0
import { readdirSync, readlinkSync } from 'node:fs';
import { descendants, residentTree } from '../../packages/host/src/cli/bench/process-memory.ts';
import { renderTable } from '../../packages/host/src/cli/table.ts';
import { formatSize } from '../../packages/host/src/daemon/index.ts';

/** What a daemon holds. */
export interface Holdings {
  readonly fds: number;
  readonly memfds: number;
  readonly children: number;
  readonly resident: number;
}

/** Resident memory that may come and go with the garbage collector, in bytes. */
const SLACK = 24 << 20;

/** Looks at what a daemon holds now. */
export function holdings(pid: number): Holdings {
  const folder = `/proc/${pid}/fd`;
  const links = readdirSync(folder).flatMap((fd) => {
    try {
      return [readlinkSync(`${folder}/${fd}`)];
    } catch {
      return [];
    }
  });
  const memfds = links.filter((link) => link.startsWith('/memfd:')).length;
  return { fds: links.length, memfds, children: descendants(pid).length, resident: residentTree(pid) };
}

/** Prints both and answers what is more now than it was, one line each. */
export function compareHoldings(what: string, before: Holdings, after: Holdings, slack = SLACK): string[] {
  const row = (name: string, value: (h: Holdings) => string) => [name, value(before), value(after)];
  const rows = [
    row('descriptors', (h) => String(h.fds)),
    row('memfds', (h) => String(h.memfds)),
    row('children', (h) => String(h.children)),
    row('resident', (h) => formatSize(h.resident)),
  ];
  console.log(`\n${what}\n${renderTable(['', 'before', 'after'], rows)}`);
  const faults: string[] = [];
  if (before.fds !== after.fds || before.memfds !== after.memfds || before.children !== after.children) {
    faults.push(`${what}: descriptors, memfds and children are not where they were`);
  }
  if (after.resident - before.resident >= slack) {
    faults.push(`${what}: resident memory is not within ${formatSize(slack)} of where it was`);
  }
  return faults;
}
