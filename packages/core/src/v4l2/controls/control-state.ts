// SPDX-License-Identifier: Apache-2.0
/** The values of a set of controls as plain data. */
import { hexOf, SavedFields, sameBytes } from '../../base/index.ts';
import {
  V4L2_CTRL_FLAG_DISABLED,
  V4L2_CTRL_FLAG_GRABBED,
  V4L2_CTRL_FLAG_INACTIVE,
  V4L2_CTRL_FLAG_READ_ONLY,
  V4L2_CTRL_TYPE_BITMASK,
  V4L2_CTRL_TYPE_STRING,
} from '../../wire/index.ts';
import type { Control } from './control.ts';
import { baseFlags, type ControlData, type ControlSpec, elementCount, elementSize, hasPayload } from './control.ts';

/** A value as plain data: a number, or the bytes of a string, array or struct in hexadecimal digits. */
export type SavedControlData = number | string;

/** One control, with all that can change about it. */
export interface ControlState {
  /** V4L2_CID_* */
  readonly id: number;
  /** V4L2_CTRL_FLAG_*, all of them */
  readonly flags: number;
  /** the range as it is now: see `ControlSet.setRange` */
  readonly minimum: number;
  readonly maximum: number;
  readonly step: number;
  readonly default: SavedControlData;
  /** last value set */
  readonly current: SavedControlData;
}

/** What `ControlSet.save` returns: every control of the set, class headings too, by rising id. */
export interface ControlSetState {
  readonly controls: readonly ControlState[];
}

/** What of a control is not said by its declaration. */
export type ControlStart = Pick<Control, 'flags' | 'minimum' | 'maximum' | 'step' | 'default' | 'current'>;

const FIELDS = ['id', 'flags', 'minimum', 'maximum', 'step', 'default', 'current'];
/** Flags that a device sets and clears while it runs. */
const LIVE_FLAGS = V4L2_CTRL_FLAG_GRABBED | V4L2_CTRL_FLAG_INACTIVE | V4L2_CTRL_FLAG_READ_ONLY | V4L2_CTRL_FLAG_DISABLED;

/** One control as plain data. */
export function saveControl({ spec, flags, minimum, maximum, step, current, default: fallback }: Control): ControlState {
  return { id: spec.id, flags, minimum, maximum, step, default: saveData(fallback), current: saveData(current) };
}

/** Reads a saved state for controls declared as `ordered`: one for each, in their order. Throws `SavedStateError`. */
export function readControls(state: unknown, ordered: readonly Control[]): readonly ControlStart[] {
  const set = new SavedFields(state, 'controls', ['controls']);
  const saved = set.list('controls', ordered.length, FIELDS);
  if (saved.length < ordered.length) set.refuse('controls', `one for each of the ${ordered.length} controls of this set`);
  return ordered.map(({ spec }, i) => readControl(saved[i] as SavedFields, spec));
}

function readControl(fields: SavedFields, spec: ControlSpec): ControlStart {
  if (fields.u32('id') !== spec.id) fields.refuse('id', `${spec.id}, the control "${spec.name}"`);
  const flags = fields.u32('flags');
  const fixed = baseFlags(spec) & ~LIVE_FLAGS;
  if ((flags & ~LIVE_FLAGS) !== fixed)
    fields.refuse('flags', `${fixed}, with GRABBED, INACTIVE, READ_ONLY and DISABLED or without`);
  const most = Number.MAX_SAFE_INTEGER;
  const minimum = fields.integer('minimum', -most, most);
  const maximum = fields.integer('maximum', minimum, most);
  const step = fields.integer('step', 0, most);
  const control = { ...spec, minimum, maximum };
  return {
    flags,
    minimum,
    maximum,
    step,
    default: readData(fields, 'default', control),
    current: readData(fields, 'current', control),
  };
}

function readData(fields: SavedFields, name: string, spec: ControlSpec): ControlData {
  // The declared default is always allowed, also where it lies outside the declared range.
  const declared = spec.default;
  const raw = fields.raw(name);
  if (typeof declared === 'number' && raw === declared) return declared;
  if (!hasPayload(spec)) return readNumber(fields, name, spec);
  if (spec.type !== V4L2_CTRL_TYPE_STRING) return fields.bytes(name, elementSize(spec) * elementCount(spec));
  const text = fields.bytes(name, 0, Math.max(spec.maximum, typeof declared === 'number' ? 0 : declared.length));
  const fits = text.length >= spec.minimum && text.length <= spec.maximum && !text.includes(0);
  if (fits || (typeof declared !== 'number' && sameBytes(text, declared))) return text;
  return fields.refuse(name, `a text of ${spec.minimum} to ${spec.maximum} bytes without a 0`);
}

function readNumber(fields: SavedFields, name: string, spec: ControlSpec): number {
  if (spec.type !== V4L2_CTRL_TYPE_BITMASK) return fields.integer(name, spec.minimum, spec.maximum);
  const value = fields.u32(name);
  return (value & ~spec.maximum) === 0 ? value : fields.refuse(name, `made of the bits of ${spec.maximum}`);
}

function saveData(value: ControlData): SavedControlData {
  return typeof value === 'number' ? value : hexOf(value);
}
