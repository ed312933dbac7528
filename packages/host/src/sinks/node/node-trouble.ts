// SPDX-License-Identifier: Apache-2.0
import { Errno, errnoName, IoctlError } from '@paravideo/core';
import { SysError } from '../../sys/index.ts';

/** What a person does about an error of a driver into whose node frames are written. */
const REMEDIES = new Map<number, string>([
  [Errno.EBUSY, 'another program writes into it: end that one'],
  [Errno.EACCES, 'it may not be opened: add the user of the daemon to the group of the file, mostly `video`'],
  [Errno.EPERM, 'it may not be opened: a policy of the system keeps the daemon from it'],
  [Errno.ENOENT, 'it is not there: load its driver (modprobe v4l2loopback), or correct `device`'],
  [Errno.ENODEV, 'it is not there: it was unplugged, or its driver was unloaded'],
  [Errno.ENXIO, 'it is not there: it was unplugged, or its driver was unloaded'],
  [Errno.ENOTTY, 'it is no V4L2 device: correct `device`'],
  [Errno.EMFILE, 'the daemon has no descriptors left: raise its limit of open files'],
  [Errno.ENOMEM, 'there is no memory for its frames'],
]);

/** The node can be opened, and what is played cannot be written into it. */
export class NodeError extends Error {
  override readonly name = 'NodeError';
}

/** An error in words, with what to do about it. What is no trouble of a node is thrown again. */
export function nodeTrouble(path: string, error: unknown): string {
  if (error instanceof NodeError) return `${path}: ${error.message}`;
  if (!(error instanceof IoctlError || error instanceof SysError)) throw error;
  const call = error instanceof IoctlError ? error.request : error.call;
  const what = `${call}: ${errnoName(error.errno)}`;
  const remedy = REMEDIES.get(error.errno);
  return remedy === undefined ? `${path}: ${what}` : `${path}: ${remedy} (${what})`;
}
