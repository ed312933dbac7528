// SPDX-License-Identifier: Apache-2.0
/** What a process can give up for good before it touches foreign data. */
import { check, libc, pinnedAddress } from './libc.ts';

const PR_SET_PDEATHSIG = 1;
const PR_SET_DUMPABLE = 4;
const PR_SET_NO_NEW_PRIVS = 38;

/** No program that this process starts can gain privileges (PR_SET_NO_NEW_PRIVS). */
export function setNoNewPrivileges(): void {
  check(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 'prctl(PR_SET_NO_NEW_PRIVS)');
}

/**
 * Has the kernel send `signal` (a number) when the thread that started this process ends (PR_SET_PDEATHSIG). A parent
 * that was gone before the call is not noticed: compare `process.ppid` afterwards.
 */
export function setParentDeathSignal(signal: number): void {
  check(libc.prctl(PR_SET_PDEATHSIG, signal, 0, 0, 0), 'prctl(PR_SET_PDEATHSIG)');
}

/** With false: no core dump, and no other process of the same user may look inside (PR_SET_DUMPABLE). */
export function setDumpable(dumpable: boolean): void {
  check(libc.prctl(PR_SET_DUMPABLE, dumpable ? 1 : 0, 0, 0, 0), 'prctl(PR_SET_DUMPABLE)');
}

const RESOURCES = { cpu: 0, fileSize: 1, data: 2, core: 4, processes: 6, files: 7, addressSpace: 9 } as const;

/** A limit that `limitResource` sets; the numbers are Linux's RLIMIT_* on x86-64 and arm64. */
export type ProcessResource = keyof typeof RESOURCES;

const limits = new BigUint64Array(4);
const limitsAddress = pinnedAddress(limits.buffer);

/** Lowers the soft and the hard limit of this process (bytes, seconds or a count). Throws `SysError` (EPERM) where it would be raised. */
export function limitResource(resource: ProcessResource, limit: number): void {
  limits[0] = BigInt(limit);
  limits[1] = BigInt(limit);
  check(libc.prlimit(0, RESOURCES[resource], limitsAddress, 0), `prlimit(${resource})`, String(limit));
}

/** The soft and the hard limit; Infinity is no limit. */
export function resourceLimit(resource: ProcessResource): { soft: number; hard: number } {
  check(libc.prlimit(0, RESOURCES[resource], 0, limitsAddress + 16), `prlimit(${resource})`);
  const number = (value: bigint | undefined) =>
    value === undefined || value === 0xffff_ffff_ffff_ffffn ? Infinity : Number(value);
  return { soft: number(limits[2]), hard: number(limits[3]) };
}
