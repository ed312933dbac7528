// SPDX-License-Identifier: Apache-2.0
import { command } from './command.ts';

/** Mounts of the new name space only; they go with its last process. */
const ENTER =
  'mount --rbind /dev "$0/dev" && mount -t proc proc "$0/proc" && mount -t tmpfs tmp "$0/tmp" && exec chroot "$0" "$@"';

/** A command that runs a program of an unpacked tree with that tree as its root; it ends with whoever started it. */
export function treeCommand(tree: string, args: readonly string[]): readonly string[] {
  const rights = process.getuid?.() === 0 ? [] : ['--map-root-user'];
  const apart = ['unshare', ...rights, '--mount', '--pid', '--fork', '--kill-child', '/bin/sh', '-c', ENTER, tree, ...args];
  return ['setpriv', '--pdeathsig', 'KILL', ...apart];
}

/**
 * Runs a program of an unpacked tree with that tree as its root, as root or, by a user name space, as anybody. It ends with this
 * process, whatever ends that: a build that nobody waits for any more would go on, and `make` without a reader does so for ever.
 */
export function inTree(tree: string, what: string, args: readonly string[], onLine?: (line: string) => void): Promise<string> {
  const [program = '', ...rest] = treeCommand(tree, args);
  const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' };
  return command(program, rest, { what, env, ...(onLine && { onLine }) });
}
