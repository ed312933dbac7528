// SPDX-License-Identifier: Apache-2.0
/**
 * Ioctls by number. What a device does not list gets ENOTTY (VM-D4), and some are never listed because virtio-media replaces
 * them by something else (VM-DX3).
 */
import {
  Errno,
  IOCTLS,
  VIDIOC_DQBUF,
  VIDIOC_DQEVENT,
  VIDIOC_G_JPEGCOMP,
  VIDIOC_LOG_STATUS,
  VIDIOC_QUERYCAP,
  VIDIOC_S_JPEGCOMP,
} from '../../wire/index.ts';
import { DeviceError } from './device-error.ts';
import type { IoctlCall } from './media-device.ts';

/** Carries out one ioctl of a session: 0 or a positive errno. */
export type IoctlHandler<S> = (session: S, call: IoctlCall) => number | Promise<number>;

/** One row of a table: the number of the ioctl and its handler. */
export type IoctlRow<S> = readonly [nr: number, handler: IoctlHandler<S>];

/** The ioctls that a kind of session answers, by number. */
export type IoctlTable<S> = ReadonlyMap<number, IoctlHandler<S>>;

/** Ioctls that the protocol replaces: configuration space, events, controls, the driver's own log (spec 5.22, VM-DX3). */
export const REPLACED_IOCTLS: readonly number[] = [
  VIDIOC_QUERYCAP,
  VIDIOC_DQBUF,
  VIDIOC_DQEVENT,
  VIDIOC_G_JPEGCOMP,
  VIDIOC_S_JPEGCOMP,
  VIDIOC_LOG_STATUS,
];

const KNOWN: ReadonlySet<number> = new Set(IOCTLS.map((info) => info.nr));

/** Makes a table of groups of rows. Throws `DeviceError` for a number that is no ioctl, is replaced, or stands there twice. */
export function ioctlTable<S>(...groups: readonly (readonly IoctlRow<S>[])[]): IoctlTable<S> {
  const table = new Map<number, IoctlHandler<S>>();
  for (const [nr, handler] of groups.flat()) {
    if (!KNOWN.has(nr)) throw new DeviceError(`${nr} is not the number of an ioctl`);
    if (REPLACED_IOCTLS.includes(nr))
      throw new DeviceError(`ioctl ${nr} is replaced by virtio-media and must not have a handler`);
    if (table.has(nr)) throw new DeviceError(`ioctl ${nr} has two handlers: remove one`);
    table.set(nr, handler);
  }
  return table;
}

/** Runs the handler of `call.nr`, or answers ENOTTY. */
export function dispatch<S>(table: IoctlTable<S>, session: S, call: IoctlCall): number | Promise<number> {
  const handler = table.get(call.nr);
  return handler === undefined ? Errno.ENOTTY : handler(session, call);
}
