// SPDX-License-Identifier: Apache-2.0
/** What tests of a daemon in a process of its own look at from outside. */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** Sets a soft limit of a running process, by the name that prlimit(1) has for it. */
export function limitProcess(pid: number, resource: 'nofile' | 'nproc' | 'as', soft: number | 'unlimited'): void {
  const done = spawnSync('prlimit', ['--pid', String(pid), `--${resource}=${soft}:`], { encoding: 'utf8' });
  if (done.status !== 0) throw new RangeError(`prlimit: ${done.stderr}`);
}

/** The soft limit of descriptors of a process. */
export function softFiles(pid: number): number {
  const [, soft] = /^Max open files\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/limits`, 'latin1')) ?? [];
  return Number(soft);
}

/** What the descriptors of a process name, sorted; pipes, sockets and the like without their numbers. */
export function descriptorsOf(pid: number): string[] {
  const names: string[] = [];
  for (const entry of readdirSync(`/proc/${pid}/fd`)) {
    try {
      names.push(readlinkSync(`/proc/${pid}/fd/${entry}`).replace(/:\[\d+\]$/, ''));
    } catch {
      // it was closed in the meantime
    }
  }
  return names.sort();
}

/** The processes that a process has started and that are alive. */
export function childrenOf(pid: number): number[] {
  const tasks = readdirSync(`/proc/${pid}/task`);
  return tasks.flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, 'latin1').split(' ').filter(Boolean).map(Number),
  );
}

/** Waits until a condition holds; a generous time later it throws. */
export async function eventually(condition: () => boolean, what: string | (() => string)): Promise<void> {
  const end = performance.now() + 50_000;
  while (!condition()) {
    if (performance.now() > end) throw new RangeError(`waited in vain: ${typeof what === 'string' ? what : what()}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
