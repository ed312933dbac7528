// SPDX-License-Identifier: Apache-2.0
/**
 * A cgroup that holds one child. The command that starts the child makes it, and enters it before anything else: the kernel lets
 * whoever changes the tree, or moves a process, wait for milliseconds, and the event loop must not.
 */
import { constants, readFileSync } from 'node:fs';
import { open, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { NamespaceTools } from './namespaces.ts';
import { MAX_THREADS } from './sandbox-limits.ts';

/** Code, page tables, and what else the kernel has for a process, beside the memory that it may take or is given. */
const OVERHEAD_BYTES = 256 * 2 ** 20;

/** What waits for the child, beside its threads. */
const LAUNCHERS = 1;

/** Milliseconds between the tries to remove a cgroup whose processes are ending. */
const PAUSES = [5, 10, 20, 50, 100, 200, 500, 1000, 2000, 2000];

/** Writes the limits for which there are files: those of the controllers that the tree has. */
const ENTER = `
  mkdir=$1 leaf=$2 limits=$3
  shift 3
  "$mkdir" "$leaf" || exit
  for limit in $limits; do
    file=$leaf/\${limit%%=*}
    [ ! -e "$file" ] || echo "\${limit#*=}" >"$file" || exit
  done
  echo 0 >"$leaf/cgroup.procs" || exit
  exec "$@"`;

/** See the top of the file. */
export class CgroupLeaf {
  readonly folder: string;
  /** most bytes, without the overhead; undefined is no limit */
  #memory: number | undefined;

  constructor(folder: string, memory?: number) {
    this.folder = folder;
    this.#memory = memory;
  }

  /** A command, with its arguments, in this cgroup. */
  inside({ sh, mkdir }: NamespaceTools, program: readonly string[]): readonly string[] {
    const limits = {
      ...(this.#memory === undefined ? {} : { 'memory.max': this.#memory + OVERHEAD_BYTES }),
      'memory.swap.max': 0,
      'memory.oom.group': 1,
      'pids.max': MAX_THREADS + LAUNCHERS,
    };
    const list = Object.entries(limits).map(([file, limit]) => `${file}=${limit}`);
    return [sh, '-c', ENTER, sh, mkdir, this.folder, list.join(' '), ...program];
  }

  /** Raises the limit of memory to so many bytes, if it is lower; the child has been in here. */
  raise(memory: number): void {
    if (this.#memory === undefined || memory <= this.#memory) return;
    this.#memory = memory;
    // Nothing is there to be raised where there is no such controller, or the child has gone.
    write(join(this.folder, 'memory.max'), String(memory + OVERHEAD_BYTES)).catch(() => {});
  }

  /** Whether a process is in here: one that still makes the cgroup is not. */
  holds(pid: number): boolean {
    return read(join(this.folder, 'cgroup.procs')).split('\n').includes(String(pid));
  }

  /** Whether the kernel killed what was in here, because it was more than the limit of memory allows. */
  get ranOut(): boolean {
    return /^oom_kill [1-9]/m.test(read(join(this.folder, 'memory.events')));
  }

  /** Removes it, and whatever is left in it. Never rejects. */
  remove(): Promise<void> {
    return removeCgroup(this.folder, true);
  }
}

/** Removes a cgroup once it is empty; `kill` ends the processes in it. Never rejects: what stays is for the next daemon. */
export async function removeCgroup(folder: string, kill: boolean): Promise<void> {
  for (const wait of PAUSES) {
    try {
      await rmdir(folder);
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    }
    if (kill) await write(join(folder, 'cgroup.kill'), '1').catch(() => {});
    await pause(wait);
  }
}

/** Writes to a file that must be there. */
async function write(path: string, text: string): Promise<void> {
  await using file = await open(path, constants.O_WRONLY);
  await file.write(text);
}

/** The text of a file of cgroupfs, whose reading never waits; empty if there is no such file. */
function read(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}
