// SPDX-License-Identifier: Apache-2.0
/** VIDIOC_QUERYCTRL, VIDIOC_QUERY_EXT_CTRL, VIDIOC_QUERYMENU (P17: old and extended alike). */
import {
  Errno,
  encodeUtf8,
  V4L2_CTRL_COMPOUND_TYPES,
  V4L2_CTRL_FLAG_NEXT_COMPOUND,
  V4L2_CTRL_FLAG_NEXT_CTRL,
  V4L2_CTRL_ID_MASK,
  V4L2_CTRL_TYPE_BITMASK,
  V4L2_CTRL_TYPE_BOOLEAN,
  V4L2_CTRL_TYPE_INTEGER,
  V4L2_CTRL_TYPE_INTEGER_MENU,
  V4L2_CTRL_TYPE_MENU,
  V4L2_CTRL_TYPE_STRING,
  v4l2_query_ext_ctrl,
  v4l2_queryctrl,
  v4l2_querymenu,
} from '../../wire/index.ts';
import { FIRST_PRIVATE_CONTROL } from './classes.ts';
import type { Control } from './control.ts';
import { elementCount, elementSize } from './control.ts';
import type { ControlSet } from './control-set.ts';

const Q = v4l2_queryctrl.fields;
const X = v4l2_query_ext_ctrl.fields;
const M = v4l2_querymenu.fields;
const NOTHING = new Uint8Array(0);

/** Types whose range fits `struct v4l2_queryctrl`. */
const PLAIN_TYPES: readonly number[] = [
  V4L2_CTRL_TYPE_INTEGER,
  V4L2_CTRL_TYPE_BOOLEAN,
  V4L2_CTRL_TYPE_MENU,
  V4L2_CTRL_TYPE_INTEGER_MENU,
  V4L2_CTRL_TYPE_STRING,
  V4L2_CTRL_TYPE_BITMASK,
];

/** The control that `id` with its NEXT flags names. */
function lookUp(set: ControlSet, id: number): Control | undefined {
  const bare = (id & V4L2_CTRL_ID_MASK) >>> 0;
  const next = (id & V4L2_CTRL_FLAG_NEXT_CTRL) !== 0;
  const compound = (id & V4L2_CTRL_FLAG_NEXT_COMPOUND) !== 0;
  if (!next && !compound) return set.find(bare);
  return set.ordered.find((control) => {
    const isCompound = control.spec.type >= V4L2_CTRL_COMPOUND_TYPES || (control.spec.dims?.length ?? 0) > 0;
    return control.spec.id > bare && (isCompound ? compound : next);
  });
}

/** The id in the answer: who asked by the old id of a private control gets that back. */
function told(asked: number, control: Control): number {
  const bare = (asked & V4L2_CTRL_ID_MASK) >>> 0;
  return bare >= FIRST_PRIVATE_CONTROL ? bare : control.spec.id;
}

function number(value: unknown): number {
  return typeof value === 'number' ? value : 0;
}

function step(control: Control): number {
  const { type } = control.spec;
  return type === V4L2_CTRL_TYPE_MENU || type === V4L2_CTRL_TYPE_INTEGER_MENU ? 1 : control.step;
}

/** VIDIOC_QUERYCTRL; EINVAL if there is no such control. */
export function queryControl(set: ControlSet, view: DataView): number {
  const asked = Q.id.get(view, 0);
  const control = lookUp(set, asked);
  if (control === undefined) return Errno.EINVAL;
  const plain = PLAIN_TYPES.includes(control.spec.type) && (control.spec.dims?.length ?? 0) === 0;
  Q.id.set(view, 0, told(asked, control));
  Q.type.set(view, 0, control.spec.type);
  Q.name.set(view, 0, encodeUtf8(control.spec.name, 31));
  Q.minimum.set(view, 0, plain ? control.minimum : 0);
  Q.maximum.set(view, 0, plain ? control.maximum : 0);
  Q.step.set(view, 0, plain ? step(control) : 0);
  Q.default_value.set(view, 0, plain ? number(control.default) : 0);
  Q.flags.set(view, 0, control.flags);
  Q.reserved.set(view, 0, NOTHING);
  return 0;
}

/** VIDIOC_QUERY_EXT_CTRL; EINVAL if there is no such control. */
export function queryExtControl(set: ControlSet, view: DataView): number {
  const asked = X.id.get(view, 0);
  const control = lookUp(set, asked);
  if (control === undefined) return Errno.EINVAL;
  const { spec } = control;
  X.id.set(view, 0, told(asked, control));
  X.type.set(view, 0, spec.type);
  X.name.set(view, 0, encodeUtf8(spec.name, 31));
  X.minimum.set(view, 0, BigInt(control.minimum));
  X.maximum.set(view, 0, BigInt(control.maximum));
  X.step.set(view, 0, BigInt(step(control)));
  X.default_value.set(view, 0, BigInt(number(control.default)));
  X.flags.set(view, 0, control.flags);
  X.elem_size.set(view, 0, elementSize(spec));
  X.elems.set(view, 0, elementCount(spec));
  X.nr_of_dims.set(view, 0, spec.dims?.length ?? 0);
  for (let i = 0; i < 4; i++) X.dims.at(i).set(view, 0, spec.dims?.[i] ?? 0);
  X.reserved.set(view, 0, NOTHING);
  return 0;
}

/** VIDIOC_QUERYMENU; EINVAL for what is no menu, an index out of range, or a hole. */
export function queryMenu(set: ControlSet, view: DataView): number {
  const control = set.find(M.id.get(view, 0));
  if (control === undefined) return Errno.EINVAL;
  const index = M.index.get(view, 0);
  if (!menuItem(control, index)) return Errno.EINVAL;
  M.reserved.set(view, 0, 0);
  if (control.spec.type === V4L2_CTRL_TYPE_MENU) {
    M.anon.fields.name.set(view, 0, encodeUtf8(control.spec.menu?.[index] ?? '', 31));
  } else {
    M.anon.fields.name.set(view, 0, NOTHING);
    M.anon.fields.value.set(view, 0, BigInt(control.spec.integerMenu?.[index] ?? 0));
  }
  return 0;
}

/** True if a menu control has an item at `index`. */
export function menuItem(control: Control, index: number): boolean {
  if (index < control.minimum || index > control.maximum) return false;
  if (control.spec.type === V4L2_CTRL_TYPE_MENU) return (control.spec.menu?.[index] ?? '') !== '';
  return control.spec.type === V4L2_CTRL_TYPE_INTEGER_MENU && control.spec.integerMenu?.[index] !== undefined;
}
