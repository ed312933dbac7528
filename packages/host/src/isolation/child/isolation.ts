// SPDX-License-Identifier: Apache-2.0
/**
 * Which namespaces of their own child processes get. Linux grants them to root, and to anybody who may make a user
 * namespace; containers, sysctls and security modules take that away. So it is tried, with the commands that start a child,
 * once in the life of the daemon.
 */
import { existsSync } from 'node:fs';
import { childrenOf, findTools, hasLauncher, inNamespaces, NAMESPACES, type Namespace, needsMap, sameIds } from './namespaces.ts';
import { refusalOf } from './refusal.ts';

/** What separates a child from the daemon, beside its system call filter. */
export interface ChildIsolation {
  /** `full`; `no pid namespace` and the like; `filter only` */
  readonly level: string;
  readonly namespaces: readonly Namespace[];
  /** why each of the others is not there */
  readonly missing: Readonly<Partial<Record<Namespace, string>>>;
}

/** The level of a child that has these namespaces. */
export function isolationOf(namespaces: readonly Namespace[], missing: ChildIsolation['missing'] = {}): ChildIsolation {
  const without = NAMESPACES.filter((name) => !namespaces.includes(name));
  const level =
    without.length === 0
      ? 'full'
      : namespaces.length === 0
        ? 'filter only'
        : `no ${without.join(', ')} namespace${without.length > 1 ? 's' : ''}`;
  return { level, namespaces, missing };
}

let known: ChildIsolation | undefined;

/** What this machine grants the children of this process. The first call starts a few short programs and waits for them. */
export function isolation(): ChildIsolation {
  known ??= examine();
  return known;
}

function examine(): ChildIsolation {
  try {
    findTools();
  } catch (error) {
    const { message } = error as Error;
    return isolationOf([], Object.fromEntries(NAMESPACES.map((name) => [name, message])));
  }
  if (refusal(NAMESPACES) === undefined) return isolationOf(NAMESPACES);
  const user = granted(NAMESPACES);
  if (process.geteuid?.() !== 0) return isolationOf(user.namespaces, user.missing);
  // Root has the others without it, where a security module allows the user namespace but nothing in there.
  const root = granted(NAMESPACES.slice(1));
  return root.namespaces.length > user.namespaces.length
    ? isolationOf(root.namespaces, { user: 'nothing else is granted in one', ...user.missing, ...root.missing })
    : isolationOf(user.namespaces, user.missing);
}

/** The namespaces of a list that are granted together, tried one after the other. */
function granted(list: readonly Namespace[]): Pick<ChildIsolation, 'namespaces' | 'missing'> {
  const namespaces: Namespace[] = [];
  const missing: Partial<Record<Namespace, string>> = {};
  for (const name of list) {
    const reason = refusal([...namespaces, name]);
    if (reason === undefined) namespaces.push(name);
    else missing[name] = reason;
  }
  return { namespaces, missing };
}

/** Why a child cannot have these namespaces; undefined if it can. */
function refusal(namespaces: readonly Namespace[]): string | undefined {
  if (hasLauncher(namespaces) && !existsSync(childrenOf(process.pid)))
    return 'the kernel does not list the children of a process (CONFIG_PROC_CHILDREN)';
  return (
    refusalOf(inNamespaces(namespaces, false, [findTools().sh, '-c', ':'])) ?? (needsMap(namespaces) ? mapRefusal() : undefined)
  );
}

/** Writes what it is given as the map of a process in a user namespace of its own. */
const WRITE_MAPS = `
  "$@" | {
    read -r pid && printf %s "$uids" >"/proc/$pid/uid_map" && printf %s "$gids" >"/proc/$pid/gid_map"
    status=$?
    kill -KILL "$pid"
    exit "$status"
  }`;

function mapRefusal(): string | undefined {
  const { sh } = findTools();
  const waiting = inNamespaces(['user'], false, [sh, '-c', 'echo $$; exec sleep 10']);
  const failed = refusalOf([sh, '-c', WRITE_MAPS, sh, ...waiting], { uids: sameIds('uid_map'), gids: sameIds('gid_map') });
  return failed === undefined ? undefined : `its user ids cannot be set: ${failed}`;
}
