// SPDX-License-Identifier: Apache-2.0
/**
 * VIDIOC_G_CTRL, VIDIOC_S_CTRL, VIDIOC_G/S/TRY_EXT_CTRLS. `error_idx` says which control was at fault, or equals `count` if
 * the call changed nothing and the fault is of the whole call: always so for G and for the checks of S, never for TRY. Below
 * `count` after S: the device refused that control when those before it were already set.
 */

import type { GuestRange } from '../../ports/index.ts';
import {
  Errno,
  V4L2_CTRL_FLAG_DISABLED,
  V4L2_CTRL_FLAG_GRABBED,
  V4L2_CTRL_FLAG_READ_ONLY,
  V4L2_CTRL_FLAG_WRITE_ONLY,
  V4L2_CTRL_TYPE_INTEGER64,
  V4L2_CTRL_TYPE_STRING,
  V4L2_CTRL_WHICH_CUR_VAL,
  V4L2_CTRL_WHICH_DEF_VAL,
  V4L2_CTRL_WHICH_MAX_VAL,
  v4l2_control,
  v4l2_ext_control,
  v4l2_ext_controls,
} from '../../wire/index.ts';
import { controlClass, FIRST_PRIVATE_CONTROL } from './classes.ts';
import type { Control } from './control.ts';
import { type ControlData, elementCount, elementSize, hasPayload } from './control.ts';
import type { ControlFault, ControlSet } from './control-set.ts';
import { roundWide, validateArray, validateNumber, validateString } from './control-validate.ts';

/** The parts of an ioctl call that the ext-controls ioctls use; an `IoctlCall` is one. */
export interface ExtControlsCall {
  readonly payload: DataView;
  readonly controls: DataView;
  readonly lists: readonly (readonly GuestRange[])[];
  readonly memory: {
    read(ranges: readonly GuestRange[], length: number): Uint8Array | undefined;
    write(ranges: readonly GuestRange[], bytes: Uint8Array): boolean;
  };
  payloadOnError: boolean;
}

/** Bounds of one call. */
export interface ControlLimits {
  readonly controlsPerCall: number;
  readonly controlBytes: number;
}

/** Which of the three ioctls. */
export type ExtControlsVerb = 'get' | 'set' | 'try';

const C = v4l2_control.fields;
const L = v4l2_ext_controls.fields;
const X = v4l2_ext_control.fields;

/** Single values only: neither 64-bit, nor a string, nor an array. */
function simple(set: ControlSet, id: number): Control | undefined {
  const control = set.find(id);
  if (control === undefined || hasPayload(control.spec) || control.spec.type === V4L2_CTRL_TYPE_INTEGER64) return undefined;
  return (control.flags & V4L2_CTRL_FLAG_DISABLED) === 0 ? control : undefined;
}

/** VIDIOC_G_CTRL: EINVAL if there is no such control, EACCES if it cannot be read. */
export function getControl(set: ControlSet, view: DataView): number {
  const control = simple(set, C.id.get(view, 0));
  if (control === undefined) return Errno.EINVAL;
  if ((control.flags & V4L2_CTRL_FLAG_WRITE_ONLY) !== 0) return Errno.EACCES;
  C.value.set(view, 0, set.number(control.spec.id));
  return 0;
}

/**
 * VIDIOC_S_CTRL: EINVAL, EACCES for a read-only control, EBUSY while it is grabbed, ERANGE for a menu; else rounded. A promise where
 * what stands behind the controls is asked first.
 */
export function setControl(set: ControlSet, view: DataView, origin: unknown): number | Promise<number> {
  const control = simple(set, C.id.get(view, 0));
  if (control === undefined) return Errno.EINVAL;
  if ((control.flags & V4L2_CTRL_FLAG_READ_ONLY) !== 0) return Errno.EACCES;
  if ((control.flags & V4L2_CTRL_FLAG_GRABBED) !== 0) return Errno.EBUSY;
  const checked = validateNumber(control, C.value.get(view, 0));
  if (!checked.ok) return checked.errno;
  const values = new Map([[control.spec.id, checked.value]]);
  return whenSet(set.try(values) ?? set.apply(values, origin), (fault) => {
    if (fault !== undefined) return fault.errno;
    C.value.set(view, 0, checked.value);
    return 0;
  });
}

function whenSet(
  set: ControlFault | undefined | Promise<ControlFault | undefined>,
  answer: (fault: ControlFault | undefined) => number,
): number | Promise<number> {
  return set instanceof Promise ? set.then(answer) : answer(set);
}

/**
 * The three ext-controls ioctls. The answer always carries the payload, also on errors (P6). A promise where what stands behind the
 * controls is asked first.
 */
export function extControls(
  verb: ExtControlsVerb,
  set: ControlSet,
  call: ExtControlsCall,
  limits: ControlLimits,
  origin: unknown,
): number | Promise<number> {
  call.payloadOnError = true;
  const view = call.payload;
  const count = L.count.get(view, 0);
  const which = L.anon.fields.which.get(view, 0);
  L.error_idx.set(view, 0, count);
  L.reserved.set(view, 0, new Uint8Array(4));
  const special = which >= V4L2_CTRL_WHICH_DEF_VAL && which <= V4L2_CTRL_WHICH_MAX_VAL;
  // Requests do not exist here, and minimum and maximum by `which` only for controls that announce it.
  if (special && (which !== V4L2_CTRL_WHICH_DEF_VAL || verb !== 'get')) return Errno.EINVAL;
  if (count > limits.controlsPerCall || count * v4l2_ext_control.size > call.controls.byteLength) return Errno.EINVAL;
  const group = special ? V4L2_CTRL_WHICH_CUR_VAL : controlClass(which);
  if (count === 0) return group === V4L2_CTRL_WHICH_CUR_VAL || set.find(group | 1) !== undefined ? 0 : Errno.EINVAL;
  const found = findAll(set, call, count, group, verb);
  if (!found.ok) {
    if (verb === 'try') L.error_idx.set(view, 0, found.at);
    return found.errno;
  }
  return verb === 'get' ? getAll(set, call, found.controls, special) : putAll(verb, set, call, found.controls, limits, origin);
}

type FoundControls =
  | { readonly ok: true; readonly controls: readonly Control[] }
  | { readonly ok: false; readonly errno: number; readonly at: number };

/** Looks every control up and checks the sizes of arrays and structs. */
function findAll(set: ControlSet, call: ExtControlsCall, count: number, group: number, verb: ExtControlsVerb): FoundControls {
  const controls: Control[] = [];
  for (let i = 0; i < count; i++) {
    const at = i * v4l2_ext_control.size;
    const id = X.id.get(call.controls, at);
    const control = id < FIRST_PRIVATE_CONTROL ? set.find(id) : undefined;
    const foreign = group !== V4L2_CTRL_WHICH_CUR_VAL && controlClass(id) !== group;
    if (control === undefined || foreign || (control.flags & V4L2_CTRL_FLAG_DISABLED) !== 0)
      return { ok: false, errno: Errno.EINVAL, at: i };
    if (hasPayload(control.spec) && control.spec.type !== V4L2_CTRL_TYPE_STRING) {
      const bytes = elementSize(control.spec) * elementCount(control.spec);
      if (X.size.get(call.controls, at) < bytes) {
        if (verb !== 'get') return { ok: false, errno: Errno.EFAULT, at: i };
        X.size.set(call.controls, at, bytes);
        return { ok: false, errno: Errno.ENOSPC, at: i };
      }
      X.size.set(call.controls, at, bytes);
    }
    controls.push(control);
  }
  return { ok: true, controls };
}

function getAll(set: ControlSet, call: ExtControlsCall, controls: readonly Control[], defaults: boolean): number {
  if (controls.some((control) => (control.flags & V4L2_CTRL_FLAG_WRITE_ONLY) !== 0)) return Errno.EACCES;
  for (const [i, control] of controls.entries()) {
    const value = defaults ? control.default : set.value(control.spec.id);
    const errno = putValue(call, i, control, value);
    if (errno === 0) continue;
    L.error_idx.set(call.payload, 0, i);
    return errno;
  }
  return 0;
}

/** Writes one value into the array, or to the memory behind its pointer. */
function putValue(call: ExtControlsCall, i: number, control: Control, value: ControlData): number {
  const at = i * v4l2_ext_control.size;
  if (!hasPayload(control.spec)) {
    const plain = typeof value === 'number' ? value : 0;
    if (control.spec.type === V4L2_CTRL_TYPE_INTEGER64) X.anon.fields.value64.set(call.controls, at, BigInt(plain));
    else X.anon.fields.value.set(call.controls, at, plain);
    return 0;
  }
  const bytes = typeof value === 'number' ? filled(control, value) : value;
  const ranges = call.lists[i] ?? [];
  if (control.spec.type !== V4L2_CTRL_TYPE_STRING) return call.memory.write(ranges, bytes) ? 0 : Errno.EFAULT;
  if (X.size.get(call.controls, at) < bytes.length + 1) {
    X.size.set(call.controls, at, elementSize(control.spec));
    return Errno.ENOSPC;
  }
  const text = new Uint8Array(bytes.length + 1);
  text.set(bytes);
  return call.memory.write(ranges, text) ? 0 : Errno.EFAULT;
}

/** An array whose elements all have the value of a numeric default. */
function filled(control: Control, value: number): Uint8Array {
  const size = elementSize(control.spec);
  const out = new Uint8Array(size * elementCount(control.spec));
  const view = new DataView(out.buffer);
  for (let at = 0; at < out.length; at += size) {
    if (size === 1) view.setUint8(at, value);
    else if (size === 2) view.setUint16(at, value, true);
    else view.setUint32(at, value, true);
  }
  return control.spec.type === V4L2_CTRL_TYPE_STRING ? new Uint8Array(0) : out;
}

/** An entry of the call that is refused, by its place. */
type FaultyEntry = { readonly errno: number; readonly at: number };

function putAll(
  verb: 'set' | 'try',
  set: ControlSet,
  call: ExtControlsCall,
  controls: readonly Control[],
  limits: ControlLimits,
  origin: unknown,
): number | Promise<number> {
  const values = new Map<number, ControlData>();
  const fault = readAll(verb, call, controls, limits, values);
  if (fault !== undefined) {
    if (verb === 'try') L.error_idx.set(call.payload, 0, fault.at);
    return fault.errno;
  }
  const at = (id: number): number => controls.findIndex((control) => control.spec.id === id);
  const unwanted = set.try(values);
  if (unwanted !== undefined) {
    if (verb === 'try') L.error_idx.set(call.payload, 0, at(unwanted.id));
    return unwanted.errno;
  }
  return whenSet(verb === 'set' ? set.apply(values, origin) : undefined, (unset) => {
    if (unset !== undefined) {
      // Those before it are set and stay so: the index says how far it went.
      L.error_idx.set(call.payload, 0, at(unset.id));
      return unset.errno;
    }
    for (const [i, control] of controls.entries()) {
      const value = values.get(control.spec.id);
      const written = value === undefined ? 0 : putValue(call, i, control, value);
      if (written !== 0) return written;
    }
    return 0;
  });
}

/** Reads and validates every value of the call; `values` gets them, the last one of an id counts. */
function readAll(
  verb: 'set' | 'try',
  call: ExtControlsCall,
  controls: readonly Control[],
  limits: ControlLimits,
  values: Map<number, ControlData>,
): FaultyEntry | undefined {
  let bytes = 0;
  for (const [i, control] of controls.entries()) {
    if ((control.flags & V4L2_CTRL_FLAG_READ_ONLY) !== 0) return { errno: Errno.EACCES, at: i };
    if (verb === 'set' && (control.flags & V4L2_CTRL_FLAG_GRABBED) !== 0) return { errno: Errno.EBUSY, at: i };
    if (hasPayload(control.spec)) bytes += Math.min(X.size.get(call.controls, i * v4l2_ext_control.size), payloadBytes(control));
    if (bytes > limits.controlBytes) return { errno: Errno.ENOSPC, at: i };
    const checked = readValue(call, i, control);
    if (!checked.ok) return { errno: checked.errno, at: i };
    values.set(control.spec.id, checked.value);
  }
  return undefined;
}

function payloadBytes(control: Control): number {
  return elementSize(control.spec) * elementCount(control.spec);
}

function readValue(call: ExtControlsCall, i: number, control: Control) {
  const at = i * v4l2_ext_control.size;
  if (!hasPayload(control.spec)) {
    if (control.spec.type !== V4L2_CTRL_TYPE_INTEGER64)
      return validateNumber(control, X.anon.fields.value.get(call.controls, at));
    const asked = X.anon.fields.value64.get(call.controls, at);
    return { ok: true, value: roundWide(asked, control.minimum, control.maximum, control.step) } as const;
  }
  const size = Math.min(X.size.get(call.controls, at), payloadBytes(control));
  if (size === 0) return { ok: false, errno: Errno.ERANGE } as const;
  const bytes = call.memory.read(call.lists[i] ?? [], size);
  if (bytes === undefined) return { ok: false, errno: Errno.EFAULT } as const;
  return control.spec.type === V4L2_CTRL_TYPE_STRING ? validateString(control, bytes) : validateArray(control, bytes);
}
