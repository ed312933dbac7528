// SPDX-License-Identifier: Apache-2.0
/**
 * The part of the tree of cgroups that was given to the daemon:
 *
 *   BASE/daemon          the daemon itself: with processes in BASE no controller can be enabled for what is below
 *   BASE/child-PID-N     the N-th child of the daemon that has this process id
 */
import { closeSync, constants, mkdirSync, openSync, readdirSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { CgroupLeaf, removeCgroup } from './cgroup-leaf.ts';
import { DAEMON_LEAF } from './cgroup-place.ts';
import { findTools } from './namespaces.ts';
import { refusalOf } from './refusal.ts';

const CONTROLLERS = ['memory', 'pids'] as const;
type CgroupController = (typeof CONTROLLERS)[number];

/** See the top of the file. */
export class CgroupTree {
  readonly #base: string;
  /** why children have no limit of this kind */
  readonly missing: Readonly<Partial<Record<CgroupController, string>>>;
  #made = 0;

  private constructor(base: string, missing: CgroupTree['missing']) {
    this.#base = base;
    this.missing = missing;
  }

  /**
   * Moves this process, with all its threads, to its place in the tree, and tries how a child would be started in there; what
   * a killed daemon left is removed meanwhile. To be called before anybody is served: it waits for the kernel. Throws errors of the
   * file system, and TypeError.
   */
  static join(base: string): CgroupTree {
    const tools = findTools();
    const own = join(base, DAEMON_LEAF);
    mkdirSync(own, { recursive: true });
    write(join(own, 'cgroup.procs'), '0');
    for (const left of leftBehind(base)) void removeCgroup(left, false);
    const tree = new CgroupTree(base, enable(base));
    const trial = tree.leaf(0);
    const refusal = refusalOf(trial.inside(tools, [tools.sh, '-c', ':']));
    void trial.remove();
    if (refusal !== undefined) throw new TypeError(refusal);
    return tree;
  }

  /** A place for one child, with so many bytes of memory; it is made when the child starts. */
  leaf(memory?: number): CgroupLeaf {
    this.#made += 1;
    return new CgroupLeaf(join(this.#base, `child-${process.pid}-${this.#made}`), memory);
  }

  /** For the log and for people. */
  get text(): string {
    const without = CONTROLLERS.filter((name) => this.missing[name] !== undefined);
    const limits = without.map((name) => `no limit of ${name}: ${this.missing[name]}`);
    return ['cgroups of their own', ...limits].join('; ');
  }
}

/** Why each of the controllers cannot be had. */
function enable(base: string): CgroupTree['missing'] {
  const listed = (file: string): string[] => readFileSync(join(base, file), 'latin1').split(/\s+/);
  const offered = listed('cgroup.controllers');
  const missing: Partial<Record<CgroupController, string>> = {};
  for (const name of CONTROLLERS) {
    if (!offered.includes(name)) missing[name] = 'not offered';
    else if (!listed('cgroup.subtree_control').includes(name)) {
      try {
        write(join(base, 'cgroup.subtree_control'), `+${name}`);
      } catch (error) {
        const { code, message } = error as NodeJS.ErrnoException;
        missing[name] = code === 'EBUSY' ? 'other processes are in the cgroup that was delegated' : message;
      }
    }
  }
  return missing;
}

/** The cgroups of children whose daemon is gone: also those with the process id of this one, which an earlier daemon had. */
function leftBehind(base: string): string[] {
  const daemons = readFileSync(join(base, DAEMON_LEAF, 'cgroup.procs'), 'latin1')
    .split('\n')
    .map(Number);
  return readdirSync(base).flatMap((name) => {
    const pid = Number(/^child-(\d+)-\d+$/.exec(name)?.[1] ?? Number.NaN);
    const living = pid !== process.pid && daemons.includes(pid);
    return Number.isNaN(pid) || living ? [] : [join(base, name)];
  });
}

function write(path: string, text: string): void {
  const file = openSync(path, constants.O_WRONLY);
  try {
    writeSync(file, text);
  } finally {
    closeSync(file);
  }
}
