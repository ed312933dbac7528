// SPDX-License-Identifier: Apache-2.0
/**
 * What a child process does to itself before it touches foreign data. Every part is a layer of its own; the strongest is
 * the system call filter: no file, no socket, no program, no other process can be reached, even by foreign code.
 */
import {
  installSeccomp,
  limitResource,
  SYSCALLS,
  type SyscallName,
  setDumpable,
  setNoNewPrivileges,
  setParentDeathSignal,
} from '../sys/index.ts';

const SIGKILL = 9;

/** Calls that a decoding process needs: threads, the names it gives them, and the socket it has. The rest of the table is refused. */
const NEEDED: ReadonlySet<SyscallName> = new Set<SyscallName>(['clone3', 'prctl', 'pause', 'recvmsg']);

/**
 * Ties the life of this process to its parent's and lowers its limits. To be called first. Ends the process if the parent
 * has gone already. SIGINT of a terminal is for the parent, which ends its children in order.
 */
export function bindToParent(parent: number): void {
  process.on('SIGINT', () => {});
  setParentDeathSignal(SIGKILL);
  if (process.ppid !== parent) process.exit(1);
  setNoNewPrivileges();
  setDumpable(false);
  limitResource('core', 0);
  limitResource('fileSize', 0);
}

/**
 * Closes the door: from here on no file can be opened, nothing connected or started. Everything lazy must have been loaded,
 * and the event loop must not get anything new to watch (it may use io_uring for that). `dataBytes` is the most private
 * memory that the process may take; a decoder that wants more fails like any other. Rejects with SysError where the kernel
 * has no filters.
 */
export async function enterSandbox(o: { readonly dataBytes: number }): Promise<void> {
  // What the event loop watches for its own sake is registered in its first turns.
  for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setTimeout(resolve, 1));
  limitResource('files', 32);
  limitResource('data', o.dataBytes);
  installSeccomp((Object.keys(SYSCALLS) as SyscallName[]).filter((name) => !NEEDED.has(name)));
}
