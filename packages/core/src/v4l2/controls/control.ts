// SPDX-License-Identifier: Apache-2.0
/** What a control is, and the values it can have. */
import {
  V4L2_CTRL_CLASS_USER,
  V4L2_CTRL_FLAG_EXECUTE_ON_WRITE,
  V4L2_CTRL_FLAG_HAS_PAYLOAD,
  V4L2_CTRL_FLAG_READ_ONLY,
  V4L2_CTRL_FLAG_SLIDER,
  V4L2_CTRL_FLAG_WRITE_ONLY,
  V4L2_CTRL_TYPE_AREA,
  V4L2_CTRL_TYPE_BOOLEAN,
  V4L2_CTRL_TYPE_BUTTON,
  V4L2_CTRL_TYPE_CTRL_CLASS,
  V4L2_CTRL_TYPE_INTEGER64,
  V4L2_CTRL_TYPE_RECT,
  V4L2_CTRL_TYPE_STRING,
  V4L2_CTRL_TYPE_U8,
  V4L2_CTRL_TYPE_U16,
  V4L2_CTRL_TYPE_U32,
} from '../../wire/index.ts';

/** A value: a number for everything that fits one (64-bit controls within 2^53), bytes for strings, arrays and structs. */
export type ControlData = number | Uint8Array;

/**
 * A control as a device declares it: numbers as in `struct v4l2_query_ext_ctrl`. Of strings, `minimum` and `maximum` are
 * lengths without the final 0. Strings, arrays, compound types, 64 bits and clusters are what encoders have; the devices of today
 * declare none of them.
 */
export interface ControlSpec {
  /** V4L2_CID_* */
  readonly id: number;
  /** V4L2_CTRL_TYPE_* */
  readonly type: number;
  /** at most 31 bytes of ASCII */
  readonly name: string;
  readonly minimum: number;
  readonly maximum: number;
  /** of menus, 1; holes are menu items that are absent or empty */
  readonly step: number;
  readonly default: ControlData;
  /** V4L2_CTRL_FLAG_* beside those that follow from the type */
  readonly flags?: number;
  /** texts of a menu, by index */
  readonly menu?: readonly (string | undefined)[];
  /** values of an integer menu, by index */
  readonly integerMenu?: readonly (number | undefined)[];
  /** dimensions of an array control, at most 4 */
  readonly dims?: readonly number[];
  /** bytes of one element of a compound control of a type not named here */
  readonly elementSize?: number;
  /** controls with the same cluster number are set in one go: the host gets them in one map */
  readonly cluster?: number;
}

/** A control with its value. Read-only for all but the set. */
export interface Control {
  readonly spec: ControlSpec;
  /** V4L2_CTRL_FLAG_*, all of them */
  readonly flags: number;
  readonly minimum: number;
  readonly maximum: number;
  readonly step: number;
  readonly default: ControlData;
  /** last value set; of a volatile control ask `ControlSet.value` */
  readonly current: ControlData;
}

/** Bytes of one element in `struct v4l2_query_ext_ctrl.elem_size`. */
export function elementSize(spec: ControlSpec): number {
  switch (spec.type) {
    case V4L2_CTRL_TYPE_CTRL_CLASS:
    case V4L2_CTRL_TYPE_BUTTON:
      return 4;
    case V4L2_CTRL_TYPE_INTEGER64:
      return 8;
    case V4L2_CTRL_TYPE_STRING:
      return spec.maximum + 1;
    case V4L2_CTRL_TYPE_U8:
      return 1;
    case V4L2_CTRL_TYPE_U16:
      return 2;
    case V4L2_CTRL_TYPE_U32:
      return 4;
    case V4L2_CTRL_TYPE_AREA:
      return 8;
    case V4L2_CTRL_TYPE_RECT:
      return 16;
    default:
      return spec.elementSize ?? 4;
  }
}

/** Number of elements. */
export function elementCount(spec: ControlSpec): number {
  return (spec.dims ?? []).reduce((product, dim) => product * dim, 1);
}

/**
 * True for a user control of a driver's own with a plain value: old programs enumerate these by V4L2_CID_PRIVATE_BASE and up, each by
 * its place among them, as in the kernel.
 */
export function hasOldId(spec: ControlSpec): boolean {
  const own = (spec.id & 0x0fff_0000) === V4L2_CTRL_CLASS_USER && (spec.id & 0xffff) >= 0x1000;
  return own && !hasPayload(spec) && spec.type !== V4L2_CTRL_TYPE_INTEGER64;
}

/** True if the value travels behind a pointer: strings, arrays, compound types. */
export function hasPayload(spec: ControlSpec): boolean {
  return spec.type === V4L2_CTRL_TYPE_STRING || spec.type >= V4L2_CTRL_TYPE_U8 || (spec.dims?.length ?? 0) > 0;
}

/** Flags with those that follow from the type. */
export function baseFlags(spec: ControlSpec): number {
  let flags = spec.flags ?? 0;
  if (spec.type === V4L2_CTRL_TYPE_CTRL_CLASS) flags |= V4L2_CTRL_FLAG_READ_ONLY | V4L2_CTRL_FLAG_WRITE_ONLY;
  if (spec.type === V4L2_CTRL_TYPE_BUTTON) flags |= V4L2_CTRL_FLAG_WRITE_ONLY | V4L2_CTRL_FLAG_EXECUTE_ON_WRITE;
  if (hasPayload(spec)) flags |= V4L2_CTRL_FLAG_HAS_PAYLOAD;
  return flags;
}

/** A slider, where the range is large enough for one. */
export function sliderFlag(spec: Pick<ControlSpec, 'type' | 'minimum' | 'maximum'>): number {
  return spec.type !== V4L2_CTRL_TYPE_BOOLEAN && spec.maximum - spec.minimum > 1 ? V4L2_CTRL_FLAG_SLIDER : 0;
}
