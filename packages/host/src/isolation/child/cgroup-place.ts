// SPDX-License-Identifier: Apache-2.0
/** Where this process is in the tree of cgroups (v2), and whether a part of the tree was given to it. */
import { accessSync, constants, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { extendedAttribute } from '../../sys/index.ts';

/** Name of the cgroup of the daemon's own, beside those of its children: only leaves of the tree may hold processes. */
export const DAEMON_LEAF = 'daemon';

/** What systemd writes on a cgroup that it gives away (`Delegate=`), the second for root's eyes alone. */
const DELEGATED = ['user.delegate', 'trusted.delegate'] as const;

/** Where to look, for tests. */
export interface CgroupSight {
  /** the folder of this process in /proc */
  readonly proc: string;
  attribute(path: string, name: string): string | undefined;
}

const REAL: CgroupSight = { proc: '/proc/self', attribute: extendedAttribute };

/** The folder below which this process may make cgroups. Or the reason why there is none. */
export function delegatedCgroup(sight: CgroupSight = REAL): { readonly base: string } | { readonly none: string } {
  let own: { readonly mount: string; readonly path: string } | undefined;
  try {
    own = ownCgroup(sight.proc);
  } catch (error) {
    return { none: (error as Error).message };
  }
  if (own === undefined) return { none: 'no cgroup2 is mounted' };
  const { mount, path } = own;
  const delegated = (folder: string): boolean => DELEGATED.some((name) => sight.attribute(folder, name) === '1');
  // With DelegateSubgroup= the daemon is started in its leaf.
  const parent = basename(path) === DAEMON_LEAF && path !== '/' ? [join(mount, dirname(path))] : [];
  const base = [join(mount, path), ...parent].find(delegated);
  if (base === undefined) return { none: 'not delegated' };
  try {
    accessSync(base, constants.W_OK);
  } catch {
    return { none: 'delegated, and not writable' };
  }
  return { base };
}

/** The cgroup of a process, as a path below a place where the tree is mounted. */
function ownCgroup(proc: string): { mount: string; path: string } | undefined {
  const whole = /^0::(\/.*)$/m.exec(readFileSync(join(proc, 'cgroup'), 'utf8'))?.[1];
  if (whole === undefined) return undefined;
  for (const line of readFileSync(join(proc, 'mountinfo'), 'utf8').split('\n')) {
    // 31 23 0:28 / /sys/fs/cgroup rw,relatime shared:9 - cgroup2 cgroup2 rw
    const [left = '', right = ''] = line.split(' - ');
    if (!right.startsWith('cgroup2 ')) continue;
    const [, , , root = '', mount = ''] = left.split(' ').map(unescapeOctal);
    const above = root === '/' ? '' : root;
    if (whole !== above && !whole.startsWith(`${above}/`)) continue;
    const path = whole.slice(above.length) || '/';
    // What lies outside the cgroup namespace of this process is shown so.
    if (!path.split('/').includes('..')) return { mount, path };
  }
  return undefined;
}

const unescapeOctal = (text: string): string =>
  text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
