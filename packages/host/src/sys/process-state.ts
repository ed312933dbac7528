// SPDX-License-Identifier: Apache-2.0
/** What this process holds, as the kernel counts it: for leak checks and statistics. */
import { readdirSync, readFileSync } from 'node:fs';
import { check, libc, pinnedAddress } from './libc.ts';
import { SYSCALLS } from './syscall-numbers.ts';

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

/**
 * The same by the names of its threads, exactly but for what threads that run now did since the last tick of the kernel; threads of one
 * name are one. Threads that have ended are not in it.
 */
export function threadTimes(pid: number): ReadonlyMap<string, number> {
  const times = new Map<string, number>();
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    try {
      const folder = `/proc/${pid}/task/${thread}`;
      const name = readFileSync(`${folder}/comm`, 'utf8').trim();
      const nanoseconds = Number(readFileSync(`${folder}/schedstat`, 'latin1').split(' ')[0]);
      times.set(name, (times.get(name) ?? 0) + nanoseconds / 1e9);
    } catch {
      // It has ended since it was listed.
    }
  }
  return times;
}

const CLOCK_THREAD_CPUTIME_ID = 3;
const time = new BigInt64Array(2);
const timeAddress = pinnedAddress(time.buffer);

/** Processor time of the thread that calls, in seconds, to a microsecond. */
export function threadTime(): number {
  const number = SYSCALLS.clock_gettime[process.arch === 'arm64' ? 1 : 0];
  check(libc.syscall(number, CLOCK_THREAD_CPUTIME_ID, timeAddress, 0), 'clock_gettime');
  return Number(time[0]) + Number(time[1]) / 1e9;
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
