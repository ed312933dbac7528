// SPDX-License-Identifier: Apache-2.0
import { GuestError } from '../../vm/harness/index.ts';

/** One module, and how `/sys/module` names it. */
export interface ModuleFile {
  readonly name: string;
  /** path below the folder of modules */
  readonly path: string;
}

/**
 * The files of a module and of those that it needs, in the order in which they can be loaded. `dependencies`: the text of `modules.dep`.
 * Throws `GuestError` if there is no such module.
 */
export function moduleFiles(dependencies: string, name: string): readonly ModuleFile[] {
  const wanted = sysName(name);
  for (const line of dependencies.split('\n')) {
    const [path = '', needs = ''] = line.split(':');
    if (sysName(nameOf(path)) !== wanted) continue;
    const paths = [path, ...needs.trim().split(' ')].filter((it) => it !== '').reverse();
    return paths.map((it) => ({ name: sysName(nameOf(it)), path: it }));
  }
  throw new GuestError(`there is no module ${name} for User-mode Linux: see npm run uml:setup`);
}

const nameOf = (path: string) => path.slice(path.lastIndexOf('/') + 1).replace(/\.ko$/, '');
const sysName = (name: string) => name.replaceAll('-', '_');
