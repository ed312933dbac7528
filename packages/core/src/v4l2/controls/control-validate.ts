// SPDX-License-Identifier: Apache-2.0
/** What becomes of a value that an application asks for: rounded, or refused with the errno that V4L2 names. */
import { roundToStep } from '../../base/index.ts';
import {
  Errno,
  V4L2_CTRL_TYPE_BITMASK,
  V4L2_CTRL_TYPE_BOOLEAN,
  V4L2_CTRL_TYPE_BUTTON,
  V4L2_CTRL_TYPE_CTRL_CLASS,
  V4L2_CTRL_TYPE_INTEGER_MENU,
  V4L2_CTRL_TYPE_MENU,
  V4L2_CTRL_TYPE_U8,
  V4L2_CTRL_TYPE_U16,
  V4L2_CTRL_TYPE_U32,
} from '../../wire/index.ts';
import type { Control } from './control.ts';
import { menuItem } from './control-query.ts';

/** A value, or why there is none. */
export type ValidatedControl<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly errno: number };

const ok = <T>(value: T): ValidatedControl<T> => ({ ok: true, value });
const refused = (errno: number): ValidatedControl<never> => ({ ok: false, errno });

/**
 * The same for a value of 64 bits, which a number holds only up to 2^53: clamped while it is exact. The range is within 2^53
 * (`ControlSet` sees to it), so the result is exact too.
 */
export function roundWide(value: bigint, minimum: number, maximum: number, step: number): number {
  const [low, high] = [BigInt(minimum), BigInt(maximum)];
  const clamped = value < low ? low : value > high ? high : value;
  if (step <= 1) return Number(clamped);
  const width = BigInt(step);
  const rounded = low + ((clamped - low + width / 2n) / width) * width;
  return Number(rounded > high ? rounded - width : rounded);
}

/** Numbers: integers are rounded into the range, menus out of it are refused with ERANGE, holes with EINVAL. */
export function validateNumber(control: Control, value: number): ValidatedControl<number> {
  switch (control.spec.type) {
    case V4L2_CTRL_TYPE_BOOLEAN:
      return ok(value === 0 ? 0 : 1);
    case V4L2_CTRL_TYPE_BUTTON:
    case V4L2_CTRL_TYPE_CTRL_CLASS:
      return ok(0);
    case V4L2_CTRL_TYPE_BITMASK:
      // Bit 31 is a bit like any other: `&` alone would make a negative number of it.
      return ok((value & control.maximum) >>> 0);
    case V4L2_CTRL_TYPE_MENU:
    case V4L2_CTRL_TYPE_INTEGER_MENU:
      if (value < control.minimum || value > control.maximum) return refused(Errno.ERANGE);
      return menuItem(control, value) ? ok(value) : refused(Errno.EINVAL);
    default:
      return ok(roundToStep(value, control.minimum, control.maximum, control.step));
  }
}

/** A string as it came, with or without its final 0. */
export function validateString(control: Control, bytes: Uint8Array): ValidatedControl<Uint8Array> {
  if (bytes.length === 0) return refused(Errno.ERANGE);
  const end = bytes.indexOf(0);
  const text = end === -1 ? bytes : bytes.subarray(0, end);
  if (text.length > control.maximum || text.length < control.minimum) return refused(Errno.ERANGE);
  const { step } = control;
  if (step > 1 && (text.length - control.minimum) % step !== 0) return refused(Errno.ERANGE);
  return ok(text.slice());
}

/** Arrays of unsigned integers: each element is rounded into the range. Other compound types pass as they are. */
export function validateArray(control: Control, bytes: Uint8Array): ValidatedControl<Uint8Array> {
  const width = new Map([
    [V4L2_CTRL_TYPE_U8, 1],
    [V4L2_CTRL_TYPE_U16, 2],
    [V4L2_CTRL_TYPE_U32, 4],
  ]).get(control.spec.type);
  const out = bytes.slice();
  if (width === undefined) return ok(out);
  const view = new DataView(out.buffer);
  for (let at = 0; at + width <= out.length; at += width) {
    const raw = width === 1 ? view.getUint8(at) : width === 2 ? view.getUint16(at, true) : view.getUint32(at, true);
    const value = roundToStep(raw, control.minimum, control.maximum, control.step);
    if (width === 1) view.setUint8(at, value);
    else if (width === 2) view.setUint16(at, value, true);
    else view.setUint32(at, value, true);
  }
  return ok(out);
}
