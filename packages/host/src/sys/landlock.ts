// SPDX-License-Identifier: Apache-2.0
/**
 * Which files a process may reach at all (landlock(7)). It cannot be taken back, holds for all that is opened from now on,
 * outlives an exec, and needs no privilege.
 */
import { constants } from 'node:os';
import { Fd } from './fd.ts';
import { check, libc, pinnedAddress } from './libc.ts';
import { setNoNewPrivileges } from './process-limits.ts';
import { SysError } from './sys-error.ts';

/** The same numbers on every machine. */
const LANDLOCK_CREATE_RULESET = 444;
const LANDLOCK_ADD_RULE = 445;
const LANDLOCK_RESTRICT_SELF = 446;

const LANDLOCK_CREATE_RULESET_VERSION = 1;
const LANDLOCK_RULE_PATH_BENEATH = 1;
const EXECUTE = 1n << 0n;
const READ_FILE = 1n << 2n;
const READ_DIR = 1n << 3n;
/** Rights that the kernel knows, by the version of its interface; one that is handled and not given is refused. */
const RIGHTS: readonly bigint[] = [13n, 14n, 15n, 15n, 16n].map((count) => (1n << count) - 1n);

const O_PATH = 0o10000000;
const O_CLOEXEC = 0o2000000;

/** What is left to a process; names that do not exist are left out. */
export interface ReachableFiles {
  /** files that it may read */
  readonly read: readonly string[];
  /** folders, and files, of which it may read and run everything */
  readonly run?: readonly string[];
}

/** The version of the kernel's interface; 0 where it has none, or where it is switched off. */
export function landlockVersion(): number {
  return Math.max(0, libc.syscall(LANDLOCK_CREATE_RULESET, 0, 0, LANDLOCK_CREATE_RULESET_VERSION));
}

/**
 * From now on this thread, and whatever it starts, opens nothing but these files. **Other threads that run already are not bound**:
 * a process that is to be bound as a whole does this and then becomes another program. Throws `SysError` (ENOSYS) where the
 * kernel has no Landlock.
 */
export function restrictFiles({ read, run = [] }: ReachableFiles): void {
  const rights = RIGHTS[Math.min(landlockVersion(), RIGHTS.length) - 1];
  if (rights === undefined) throw new SysError('landlock', constants.errno.ENOSYS, 'this kernel has no Landlock');
  // struct landlock_ruleset_attr { u64 handled_access_fs; … }
  const handled = new BigUint64Array([rights]);
  using rules = Fd.adopt(
    check(libc.syscall(LANDLOCK_CREATE_RULESET, pinnedAddress(handled.buffer), 8, 0), 'landlock_create_ruleset'),
  );
  for (const name of read) allow(rules, name, READ_FILE);
  for (const name of run) allow(rules, name, READ_FILE | READ_DIR | EXECUTE);
  setNoNewPrivileges();
  check(libc.syscall(LANDLOCK_RESTRICT_SELF, rules.number, 0, 0), 'landlock_restrict_self');
}

function allow(rules: Fd, name: string, wanted: bigint): void {
  const number = libc.open(name, O_PATH | O_CLOEXEC);
  if (number < 0) return;
  using file = Fd.adopt(number);
  // READ_DIR is for folders alone: of a file it is refused.
  for (const access of [wanted, wanted & ~READ_DIR]) {
    // struct landlock_path_beneath_attr { u64 allowed_access; s32 parent_fd; }, packed
    const rule = new ArrayBuffer(12);
    const view = new DataView(rule);
    view.setBigUint64(0, access, true);
    view.setInt32(8, file.number, true);
    const address = pinnedAddress(rule);
    if (libc.syscall6(LANDLOCK_ADD_RULE, rules.number, LANDLOCK_RULE_PATH_BENEATH, address, 0, 0, 0) === 0) return;
  }
  throw new SysError('landlock_add_rule', constants.errno.EINVAL, name);
}
