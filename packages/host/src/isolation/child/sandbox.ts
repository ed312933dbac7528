// SPDX-License-Identifier: Apache-2.0
/**
 * What a child process does to itself before it touches foreign data. Every part is a layer of its own; the strongest is
 * the system call filter: no file, no socket, no program, no other process can be reached, even by foreign code.
 */
import { readFileSync } from 'node:fs';
import { installSeccomp, limitResource, setDumpable, setNoNewPrivileges, setParentDeathSignal } from '../../sys/index.ts';
import { allowedCalls, type ChildKind } from './allowed-calls.ts';
import { MAX_THREADS } from './sandbox-limits.ts';

const SIGKILL = 9;

/**
 * The first of the user ids that processes of a root daemon take, each the one of its process id: nobody else's, not even
 * a sibling's. Linux's conventions leave 0x70000000 to 0x7ffffffe unused.
 */
const FIRST_UID = 1_900_000_000;
/** Who it becomes where a user namespace does not have that one. */
const NOBODY = 65534;

/**
 * Ties the life of this process to its parent's and lowers its limits. To be called first. Ends the process if the parent
 * has gone already. Signals of a terminal are for the parent, which ends its children in order. `writes`: whether it may write to
 * files that it was given.
 */
export function bindToParent(parent: number, writes: 'nothing' | 'files' = 'nothing'): void {
  for (const signal of ['SIGINT', 'SIGQUIT', 'SIGHUP'] as const) process.on(signal, () => {});
  setParentDeathSignal(SIGKILL);
  // In a pid namespace of its own the parent is a launcher outside, and has no number. One that went before the call is told
  // by the end of the link; and the daemon's end is that of the launcher.
  if (process.ppid !== parent && process.ppid !== 0) process.exit(1);
  setNoNewPrivileges();
  setDumpable(false);
  limitResource('core', 0);
  if (writes === 'nothing') limitResource('fileSize', 0);
}

/**
 * Closes the door: from here on only the calls of this kind's list are left: no file can be opened, nothing connected or
 * started. Everything lazy must have been loaded, and the event loop must not get anything new to watch (it may use
 * io_uring for that). `dataBytes` is the most private memory that the process may take; a decoder that wants more fails
 * like any other. A process of root's becomes nobody in particular, without any capability. Rejects with SysError where
 * the kernel has no filters.
 */
export async function enterSandbox(o: { readonly kind: ChildKind; readonly dataBytes: number }): Promise<void> {
  // What the event loop watches for its own sake is registered in its first turns.
  for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setTimeout(resolve, 1));
  limitResource('files', o.kind === 'network stream' ? 64 : 32);
  limitResource('data', o.dataBytes);
  const parent = ownStatus('PPid');
  const user = dropUser();
  if (user !== undefined) {
    // The kernel counts a user's processes: those of nobody are all children together, of this daemon and of others.
    if (user !== NOBODY) limitResource('processes', MAX_THREADS);
    // A change of user takes both away.
    setDumpable(false);
    setParentDeathSignal(SIGKILL);
    if (ownStatus('PPid') !== parent) process.exit(1);
  }
  installSeccomp(allowedCalls(o.kind, process.pid));
}

/**
 * Takes a user id of its own, in all threads, where this process may choose one; with it go all capabilities. Undefined where
 * it may not: then the id stays the daemon's, and the filter alone keeps the process from what that id could do.
 */
function dropUser(): number | undefined {
  if (process.geteuid?.() !== 0 || !parentMayKill()) return undefined;
  for (const id of [FIRST_UID + Number(ownStatus('Pid')), NOBODY]) {
    try {
      process.setgroups?.([]);
      process.setgid?.(id);
      process.setuid?.(id);
      return id;
    } catch {
      // A user namespace without that id, or root without the capability.
    }
  }
  return undefined;
}

const CAP_KILL = 5n;

/** A root without CAP_KILL, as in some containers, could not end a process of another user: it has this one's capabilities. */
function parentMayKill(): boolean {
  return ((BigInt(`0x${ownStatus('CapEff') || '0'}`) >> CAP_KILL) & 1n) === 1n;
}

/** A line of what the kernel says of this process. Ids are those of the daemon's pid namespace, whose /proc is seen here. */
function ownStatus(field: string): string {
  return new RegExp(`^${field}:\\s*(\\w+)`, 'm').exec(readFileSync('/proc/self/status', 'latin1'))?.[1] ?? '';
}
