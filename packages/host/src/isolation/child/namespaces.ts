// SPDX-License-Identifier: Apache-2.0
/** Starting a program in namespaces of its own, by util-linux's `unshare`: a process with threads cannot make them all itself. */
import { accessSync, constants, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Those that a child can have, in the order in which they are tried. */
export const NAMESPACES = ['user', 'net', 'ipc', 'mount', 'pid'] as const;

/** A kind of namespace, as `unshare` names it. */
export type Namespace = (typeof NAMESPACES)[number];

const TOOLS = ['setpriv', 'unshare', 'sh', 'mkdir'] as const;
const TOOL_FOLDERS = ['/usr/bin', '/bin', '/usr/sbin', '/sbin'];

/** Absolute paths of the programs that are needed, all of them of every distribution. */
export type NamespaceTools = Readonly<Record<(typeof TOOLS)[number], string>>;

let tools: NamespaceTools | undefined;

/** Throws TypeError, which names the missing one. */
export function findTools(): NamespaceTools {
  const folders = [...TOOL_FOLDERS, ...(process.env.PATH ?? '').split(delimiter).filter((folder) => folder.startsWith('/'))];
  const find = (tool: string): string => {
    const path = folders.map((folder) => join(folder, tool)).find(executable);
    if (path === undefined) throw new TypeError(`there is no command ${tool}`);
    return path;
  };
  tools ??= Object.fromEntries(TOOLS.map((tool) => [tool, find(tool)])) as NamespaceTools;
  return tools;
}

function executable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Whether the process that is started only waits for the one that works, which is in a pid namespace of its own. */
export const hasLauncher = (namespaces: readonly Namespace[]): boolean => namespaces.includes('pid');

/** Whether the daemon has to write the map of a child's user namespace: a child of root changes its user id in there. */
export const needsMap = (namespaces: readonly Namespace[]): boolean => namespaces.includes('user') && process.geteuid?.() === 0;

/**
 * Waits, in the new user namespace, for its map: says so on standard input, a socket, and is told there. Then it becomes the
 * program itself: who that is in the namespace decides with which capabilities.
 */
const GATE = 'echo there >&0 && read -r _ && exec "$@" </dev/null';

/**
 * Starts the first process of a pid namespace, and ends as that does; with 128 and the number of a signal. A shell would tell of
 * that on standard error, which is the process's alone from then on. A signal of the terminal ends neither of the two: that is the
 * daemon's to hear. It stays in the daemon's session all the same: each session has the same share of the processors where the kernel
 * groups them (sched_autogroup), and then a child that is nicer than the event loop would not be.
 */
const LAUNCHER = 'trap "" INT QUIT HUP; "$@" <&0 & exec 2>/dev/null; wait "$!"';

/**
 * A command, with its arguments, in namespaces of its own. With a gate it waits until the map of its user namespace has been
 * written and its standard input says so.
 */
export function inNamespaces(namespaces: readonly Namespace[], gate: boolean, program: readonly string[]): readonly string[] {
  if (namespaces.length === 0) return program;
  const { setpriv, unshare, sh } = findTools();
  const tied = (command: readonly string[]): readonly string[] => [setpriv, '--pdeathsig', 'KILL', ...command];
  // unshare can do this itself, but the versions of today do not always say of which signal the process died.
  const command = hasLauncher(namespaces) ? tied([sh, '-c', LAUNCHER, sh, ...tied(program)]) : program;
  const flags = namespaces.map((namespace) => `--${namespace}`);
  return [unshare, ...flags, '--', ...(gate ? [sh, '-c', GATE, sh] : []), ...command];
}

const MAPS = ['uid_map', 'gid_map'] as const;

/** The map of a user namespace that has every id that there is here, as itself. */
export function sameIds(map: (typeof MAPS)[number]): string {
  const ours = readFileSync(`/proc/self/${map}`, 'latin1').trim().split('\n');
  const same = ours.map((line) => line.trim().split(/\s+/)).map(([inside, , count]) => `${inside} ${inside} ${count}\n`);
  return same.join('');
}

/**
 * Gives the user namespace of a process every user and group id that there is here: root in there reads files as root does,
 * has capabilities over nothing outside, and can become another. Throws the errors of the file system.
 */
export function writeMaps(pid: number): void {
  for (const map of MAPS) writeFileSync(`/proc/${pid}/${map}`, sameIds(map));
}

/** The process that a launcher launched; undefined if there is none yet, or none any more. */
export function launched(launcher: number): number | undefined {
  try {
    const [child = ''] = readFileSync(childrenOf(launcher), 'latin1').split(' ');
    return child === '' ? undefined : Number(child);
  } catch {
    return undefined;
  }
}

/** Where the kernel lists the children of a process's first thread. */
export const childrenOf = (pid: number): string => `/proc/${pid}/task/${pid}/children`;
