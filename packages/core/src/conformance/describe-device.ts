// SPDX-License-Identifier: Apache-2.0
/** Everything that a device tells about itself, as `v4l2-ctl --all` and `--list-formats-ext` ask for it. Changes nothing. */

import type { ControlDescription } from '../driver/media/controls.ts';
import type { DriverSession } from '../driver/media/driver-session.ts';
import type { DriverFormat, FrameInterval, FrameSize, InputDescription, OutputDescription } from '../driver/media/formats.ts';
import type { MediaDriver } from '../driver/media/media-driver.ts';
import type { StreamParameters } from '../driver/media/typed-ioctls.ts';
import { IoctlError } from '../driver/rings/errors.ts';
import { fourccName, type Rect } from '../picture/index.ts';
import { Errno } from '../wire/errno.gen.ts';
import {
  V4L2_BUF_TYPE_VIDEO_CAPTURE,
  V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE,
  V4L2_BUF_TYPE_VIDEO_OUTPUT,
  V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE,
  V4L2_CAP_VIDEO_CAPTURE,
  V4L2_CAP_VIDEO_CAPTURE_MPLANE,
  V4L2_CAP_VIDEO_M2M,
  V4L2_CAP_VIDEO_M2M_MPLANE,
  V4L2_CAP_VIDEO_OUTPUT,
  V4L2_CAP_VIDEO_OUTPUT_MPLANE,
  V4L2_CTRL_FLAG_NEXT_COMPOUND,
  V4L2_CTRL_FLAG_NEXT_CTRL,
  V4L2_CTRL_FLAG_WRITE_ONLY,
  V4L2_CTRL_TYPE_BITMASK,
  V4L2_CTRL_TYPE_BOOLEAN,
  V4L2_CTRL_TYPE_INTEGER,
  V4L2_CTRL_TYPE_INTEGER_MENU,
  V4L2_CTRL_TYPE_INTEGER64,
  V4L2_CTRL_TYPE_MENU,
} from '../wire/v4l2/videodev2-constants.gen.ts';

/** A size with its frame intervals. */
export interface DescribedSize {
  readonly size: FrameSize;
  /** empty where the device does not tell (decoders, ranges of sizes) */
  readonly intervals: readonly FrameInterval[];
}

/** A format with its sizes. */
export interface DescribedFormat {
  readonly pixelformat: number;
  /** four characters */
  readonly name: string;
  readonly description: string;
  /** V4L2_FMT_FLAG_* */
  readonly flags: number;
  readonly sizes: readonly DescribedSize[];
}

/** A queue of the device. */
export interface DescribedQueue {
  /** V4L2_BUF_TYPE_* */
  readonly type: number;
  readonly formats: readonly DescribedFormat[];
  readonly current?: DriverFormat;
  readonly parameters?: StreamParameters;
  /** by V4L2_SEL_TGT_*, those that the device has */
  readonly selections: readonly { readonly target: number; readonly rect: Rect }[];
  /** V4L2_BUF_CAP_*, as REQBUFS(0) tells */
  readonly bufferCapabilities?: number;
}

/** A control with its value and, of menus, its items. */
export interface DescribedControl extends ControlDescription {
  /** absent for buttons, classes, write-only and compound controls */
  readonly value?: number;
  readonly menu?: readonly { readonly index: number; readonly name: string }[];
}

/** A device as it describes itself; plain data, fit for JSON. */
export interface DeviceDescription {
  readonly card: string;
  /** VFL_TYPE_* */
  readonly deviceType: number;
  /** V4L2_CAP_* */
  readonly deviceCaps: number;
  readonly sharedMemoryBytes: number;
  readonly queues: readonly DescribedQueue[];
  readonly inputs: readonly InputDescription[];
  readonly currentInput?: number;
  readonly outputs: readonly OutputDescription[];
  readonly currentOutput?: number;
  readonly controls: readonly DescribedControl[];
}

/** Most entries that are asked for in one enumeration: a device without an end must not hold up its reader. */
const MOST = 128;
const SELECTION_TARGETS = [0, 1, 2, 3, 0x100, 0x101, 0x102, 0x103];

/** Asks for everything, in a session of its own. Rejects with `IoctlError` if OPEN fails, `DriverError` if the device is gone. */
export async function describeDevice(driver: MediaDriver): Promise<DeviceDescription> {
  const session = await driver.open();
  try {
    const { card, deviceType, deviceCaps } = driver.config;
    const queues: DescribedQueue[] = [];
    for (const type of queueTypes(deviceCaps)) queues.push(await describeQueue(session, type));
    const inputs = await list((index) => session.enumInput(index));
    const currentInput = await optional(session.gInput());
    const outputs = await list((index) => session.enumOutput(index));
    const currentOutput = await optional(session.gOutput());
    return {
      card,
      deviceType,
      deviceCaps,
      sharedMemoryBytes: driver.transport.sharedLength,
      queues,
      inputs,
      ...(currentInput === undefined ? {} : { currentInput }),
      outputs,
      ...(currentOutput === undefined ? {} : { currentOutput }),
      controls: await describeControls(session),
    };
  } finally {
    await session.close();
  }
}

function queueTypes(caps: number): number[] {
  const types: number[] = [];
  const add = (mask: number, type: number): void => {
    if ((caps & mask) !== 0) types.push(type);
  };
  add(V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_VIDEO_M2M, V4L2_BUF_TYPE_VIDEO_CAPTURE);
  add(V4L2_CAP_VIDEO_CAPTURE_MPLANE | V4L2_CAP_VIDEO_M2M_MPLANE, V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE);
  add(V4L2_CAP_VIDEO_OUTPUT | V4L2_CAP_VIDEO_M2M, V4L2_BUF_TYPE_VIDEO_OUTPUT);
  add(V4L2_CAP_VIDEO_OUTPUT_MPLANE | V4L2_CAP_VIDEO_M2M_MPLANE, V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE);
  return types;
}

async function describeQueue(session: DriverSession, type: number): Promise<DescribedQueue> {
  const formats: DescribedFormat[] = [];
  for (const format of await list((index) => session.enumFmt(type, index))) {
    const { pixelformat, description, flags } = format;
    formats.push({
      pixelformat,
      name: fourccName(pixelformat),
      description,
      flags,
      sizes: await describeSizes(session, pixelformat),
    });
  }
  const selections: { target: number; rect: Rect }[] = [];
  // Selections go by the single-planar type, as the kernel hands them on.
  const selectionType = type === V4L2_BUF_TYPE_VIDEO_OUTPUT || type === V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE ? 2 : 1;
  for (const target of SELECTION_TARGETS) {
    const rect = await optional(session.gSelection(selectionType, target));
    if (rect !== undefined) selections.push({ target, rect });
  }
  const current = await optional(session.gFmt(type));
  const parameters = await optional(session.gParm(type));
  const buffers = await optional(session.reqbufs(type, 0));
  return {
    type,
    formats,
    selections,
    ...(current === undefined ? {} : { current }),
    ...(parameters === undefined ? {} : { parameters }),
    ...(buffers === undefined ? {} : { bufferCapabilities: buffers.capabilities }),
  };
}

async function describeSizes(session: DriverSession, pixelformat: number): Promise<DescribedSize[]> {
  const sizes: DescribedSize[] = [];
  for (const size of await list(
    (index) => session.enumFramesizes(pixelformat, index),
    (s) => s.kind === 'stepwise',
  )) {
    const { width, height } = size.kind === 'discrete' ? size : { width: size.maxWidth, height: size.maxHeight };
    const intervals = await list(
      (index) => session.enumFrameintervals(pixelformat, width, height, index),
      (interval) => interval.kind === 'stepwise',
    );
    sizes.push({ size, intervals });
  }
  return sizes;
}

async function describeControls(session: DriverSession): Promise<DescribedControl[]> {
  const controls: DescribedControl[] = [];
  let id = 0;
  for (let i = 0; i < 4 * MOST; i++) {
    const next = (id | V4L2_CTRL_FLAG_NEXT_CTRL | V4L2_CTRL_FLAG_NEXT_COMPOUND) >>> 0;
    const control = await optional(session.queryExtCtrl(next));
    if (control === undefined || control.id <= id) break;
    id = control.id;
    const menu = await describeMenu(session, control);
    const value = hasValue(control) ? await optional(readControl(session, control)) : undefined;
    controls.push({ ...control, ...(value === undefined ? {} : { value }), ...(menu === undefined ? {} : { menu }) });
  }
  return controls;
}

const VALUES = [
  V4L2_CTRL_TYPE_INTEGER,
  V4L2_CTRL_TYPE_BOOLEAN,
  V4L2_CTRL_TYPE_MENU,
  V4L2_CTRL_TYPE_INTEGER_MENU,
  V4L2_CTRL_TYPE_INTEGER64,
  V4L2_CTRL_TYPE_BITMASK,
] as readonly number[];

function hasValue(control: ControlDescription): boolean {
  return VALUES.includes(control.type) && control.elems <= 1 && (control.flags & V4L2_CTRL_FLAG_WRITE_ONLY) === 0;
}

async function readControl(session: DriverSession, control: ControlDescription): Promise<number> {
  const { errno, controls } = await session.gExtCtrls([{ id: control.id }]);
  if (errno !== 0) throw new IoctlError('VIDIOC_G_EXT_CTRLS', errno, control.name);
  const [result] = controls;
  return control.type === V4L2_CTRL_TYPE_INTEGER64 ? Number(result?.value64 ?? 0n) : (result?.value ?? 0);
}

async function describeMenu(session: DriverSession, control: ControlDescription): Promise<DescribedControl['menu']> {
  if (control.type !== V4L2_CTRL_TYPE_MENU && control.type !== V4L2_CTRL_TYPE_INTEGER_MENU) return undefined;
  const menu: { index: number; name: string }[] = [];
  const end = Math.min(control.maximum, control.minimum + MOST);
  for (let index = control.minimum; index <= end; index++) {
    const item = await optional(session.querymenu(control.id, index));
    if (item !== undefined) menu.push({ index, name: control.type === V4L2_CTRL_TYPE_MENU ? item.name : String(item.value) });
  }
  return menu;
}

/** Entries of an enumeration up to its end, or to the one that `last` says is the only one. */
async function list<T>(get: (index: number) => Promise<T | undefined>, last: (entry: T) => boolean = () => false): Promise<T[]> {
  const entries: T[] = [];
  while (entries.length < MOST) {
    const entry = await optional(get(entries.length));
    if (entry === undefined) break;
    entries.push(entry);
    if (last(entry)) break;
  }
  return entries;
}

/** errnos that mean that asking on is in vain */
const GONE: readonly number[] = [Errno.ETIMEDOUT, Errno.EBADF, Errno.EIO];

/** What the device does not have is undefined; that it is gone is an error still. */
async function optional<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof IoctlError && !GONE.includes(error.errno)) return undefined;
    throw error;
  }
}
