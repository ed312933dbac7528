// SPDX-License-Identifier: Apache-2.0
/** What this process holds, as the kernel counts it: for leak checks and statistics. */
import { readdirSync, readFileSync } from 'node:fs';

/** Number of open descriptors. */
export function openDescriptors(): number {
  // The listing itself opens the folder.
  return readdirSync('/proc/self/fd').length - 1;
}

/** Number of mappings of this process whose file name contains `name` (`/memfd:` is every memfd). */
export function mappingsOf(name: string): number {
  return readFileSync('/proc/self/maps', 'latin1')
    .split('\n')
    .filter((line) => line.includes(name)).length;
}

/** Ticks of processor times in /proc in a second: USER_HZ, 100 on every Linux. */
const USER_HZ = 100;

/** Processor time of a process and its threads since it started, in seconds, to a hundredth; undefined if there is none of that id. */
export function processorTime(pid: number): number | undefined {
  try {
    // The name, in brackets, may hold blanks; utime and stime are the 12th and 13th field after it (proc(5)).
    const [, fields = ''] = readFileSync(`/proc/${pid}/stat`, 'latin1').split(/\) (?!.*\) )/);
    const [user, system] = fields.split(' ').slice(11, 13).map(Number);
    return user === undefined || system === undefined ? undefined : (user + system) / USER_HZ;
  } catch {
    return undefined;
  }
}

/** Resident memory of a process in bytes; undefined if there is none of that id. */
export function residentMemory(pid: number | 'self' = 'self'): number | undefined {
  try {
    const line = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'));
    return line === null ? undefined : Number(line[1]) * 1024;
  } catch {
    return undefined;
  }
}
