// SPDX-License-Identifier: Apache-2.0
import { constants } from 'node:os';
import { errnoName, IoctlError } from '@paravideo/core';
import { SysError } from '../../sys/index.ts';
import type { CameraTrouble } from './camera-messages.ts';

const { errno: E } = constants;

/** What a person does about an error of a camera's driver. */
const REMEDIES = new Map<number, string>([
  [E.EBUSY, 'another program uses it: end that one, or let it have this camera through a device of ours'],
  [E.EACCES, 'it may not be opened: add the user of the daemon to the group of the file, mostly `video`'],
  [E.ENOENT, 'there is no such file: plug the camera in, or correct `device`'],
  [E.ENODEV, 'it was unplugged'],
  [E.ENXIO, 'it was unplugged'],
  [E.ENOSPC, 'its bus has no bandwidth left: choose a smaller picture or MJPG, or plug it in elsewhere'],
  [E.EIO, 'it does not answer: plug it in again, without a hub if there is one'],
  [E.EPROTO, 'it does not answer: plug it in again, without a hub if there is one'],
  [E.ETIMEDOUT, 'it does not answer: plug it in again, without a hub if there is one'],
  [E.ENOTTY, 'it is no V4L2 device: correct `device`'],
  [E.ENOTDIR, 'there is no such file: correct `device`'],
  [E.EMFILE, 'the daemon has no descriptors left: raise its limit of open files'],
  [E.ENOMEM, 'there is no memory for its frames'],
]);

/** The camera can be opened, and is none that can be used. */
export class CameraError extends Error {
  override readonly name = 'CameraError';
}

/** An error of the thread in words, for the log of whoever looks after the daemon. */
export function troubleOf(path: string, error: unknown): CameraTrouble {
  if (error instanceof CameraError) return { errno: 0, reason: `${path}: ${error.message}` };
  const errno = errnoOf(error);
  const remedy = REMEDIES.get(errno);
  const call = error instanceof IoctlError ? error.request : error instanceof SysError ? error.call : undefined;
  const what = call === undefined ? errnoName(errno) : `${call}: ${errnoName(errno)}`;
  if (remedy !== undefined) return { errno, reason: `${path}: ${remedy} (${what})` };
  return { errno, reason: `${path}: ${errno === 0 ? String(error) : what}` };
}

/** True if the camera is not there any more, and another may be. */
export function isGone({ errno }: CameraTrouble): boolean {
  return errno === E.ENODEV || errno === E.ENXIO || errno === E.ENOENT;
}

function errnoOf(error: unknown): number {
  return error instanceof IoctlError || error instanceof SysError ? error.errno : 0;
}
