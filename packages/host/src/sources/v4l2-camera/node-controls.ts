// SPDX-License-Identifier: Apache-2.0
import {
  type ControlDescription,
  IoctlError,
  type SourceControl,
  V4L2_CTRL_FLAG_DISABLED,
  V4L2_CTRL_FLAG_GRABBED,
  V4L2_CTRL_FLAG_INACTIVE,
  V4L2_CTRL_FLAG_NEXT_CTRL,
  V4L2_CTRL_FLAG_READ_ONLY,
  V4L2_CTRL_FLAG_VOLATILE,
  V4L2_CTRL_FLAG_WRITE_ONLY,
  V4L2_CTRL_TYPE_BOOLEAN,
  V4L2_CTRL_TYPE_BUTTON,
  V4L2_CTRL_TYPE_INTEGER,
  V4L2_CTRL_TYPE_INTEGER_MENU,
  V4L2_CTRL_TYPE_MENU,
} from '@paravideo/core';
import type { HostNode } from '../../v4l2/index.ts';

/** Controls of a camera, and items of a menu, that are listed at most. */
const MAX_CONTROLS = 256;
const MAX_MENU = 256;

const TYPES = new Map<number, SourceControl['type']>([
  [V4L2_CTRL_TYPE_INTEGER, 'integer'],
  [V4L2_CTRL_TYPE_BOOLEAN, 'boolean'],
  [V4L2_CTRL_TYPE_MENU, 'menu'],
  [V4L2_CTRL_TYPE_BUTTON, 'button'],
  [V4L2_CTRL_TYPE_INTEGER_MENU, 'integer-menu'],
]);

/** What a node's flags say of a control, each time that they are told. */
export function declaredFlags(flags: number): Pick<SourceControl, 'inactive' | 'grabbed' | 'readOnly' | 'disabled'> {
  return {
    inactive: (flags & V4L2_CTRL_FLAG_INACTIVE) !== 0,
    grabbed: (flags & V4L2_CTRL_FLAG_GRABBED) !== 0,
    readOnly: (flags & V4L2_CTRL_FLAG_READ_ONLY) !== 0,
    disabled: (flags & V4L2_CTRL_FLAG_DISABLED) !== 0,
  };
}

/** The controls that have a number or are pressed, and their values. Strings, arrays and 64-bit numbers are not handed on. */
export async function describeControls(
  node: HostNode,
): Promise<{ readonly controls: readonly SourceControl[]; readonly values: ReadonlyMap<number, number> }> {
  const controls: SourceControl[] = [];
  const values = new Map<number, number>();
  let id = 0;
  for (let n = 0; n < MAX_CONTROLS; n++) {
    const next = await node.queryExtCtrl((id | V4L2_CTRL_FLAG_NEXT_CTRL) >>> 0).catch(noSuch);
    // A driver that does not go on is not asked for ever.
    if (next === undefined || next.id <= id) break;
    id = next.id;
    const control = await describeControl(node, next);
    if (control === undefined) continue;
    controls.push(control);
    values.set(id, control.type === 'button' ? 0 : await currentValue(node, control));
  }
  return { controls, values };
}

async function describeControl(node: HostNode, told: ControlDescription): Promise<SourceControl | undefined> {
  const type = TYPES.get(told.type);
  if (type === undefined || (told.flags & V4L2_CTRL_FLAG_WRITE_ONLY && type !== 'button')) return undefined;
  const { id, name, minimum, maximum, step, defaultValue } = told;
  const common = {
    id,
    type,
    name,
    minimum,
    maximum,
    step: Math.max(1, step),
    default: defaultValue,
    volatile: (told.flags & V4L2_CTRL_FLAG_VOLATILE) !== 0,
    ...declaredFlags(told.flags),
  };
  if (type !== 'menu' && type !== 'integer-menu') return common;
  if (maximum > MAX_MENU || minimum < 0) return undefined;
  const menu: string[] = [];
  const integerMenu: (number | undefined)[] = [];
  for (let index = 0; index <= maximum; index++) {
    const item = index < minimum ? undefined : await node.querymenu(id, index);
    menu.push(item?.name ?? '');
    integerMenu.push(item === undefined ? undefined : Number(item.value));
  }
  return type === 'menu' ? { ...common, menu } : { ...common, integerMenu };
}

/** What cannot be read now (an input without a signal, a camera that is busy) has its default. */
async function currentValue(node: HostNode, { id, minimum, maximum, default: usual }: SourceControl): Promise<number> {
  const value = await node.gCtrl(id).catch(noSuch);
  return value === undefined || value < minimum || value > maximum ? usual : value;
}

function noSuch(error: unknown): undefined {
  if (!(error instanceof IoctlError)) throw error;
}
