// SPDX-License-Identifier: Apache-2.0
import { Errno, errnoName } from '@paravideo/core';

/** What a person does about a node that cannot be opened or used. */
const REMEDIES = new Map<number, string>([
  [Errno.EBUSY, 'another program uses it: end that one'],
  [Errno.EACCES, 'it may not be opened: add the user of the daemon to the group of the file, mostly `video`'],
  [Errno.EPERM, 'it may not be opened: a policy of the system keeps the daemon from it'],
  [Errno.ENOENT, 'it is not there: plug it in, load its driver, or correct `device`'],
  [Errno.ENODEV, 'it is not there: it was unplugged, or its driver was unloaded'],
  [Errno.ENXIO, 'it is not there: it was unplugged, or its driver was unloaded'],
  [Errno.ENOTTY, 'it is no V4L2 device: correct `device`'],
  [Errno.EMFILE, 'the daemon has no descriptors left: raise its limit of open files'],
  [Errno.ENOMEM, 'there is no memory for it'],
]);

/** An errno in words, with what to do about it. */
export function proxyTrouble(path: string, errno: number): string {
  const remedy = REMEDIES.get(errno);
  return remedy === undefined ? `${path}: ${errnoName(errno)}` : `${path}: ${remedy} (${errnoName(errno)})`;
}
