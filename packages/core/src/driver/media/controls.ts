// SPDX-License-Identifier: Apache-2.0
/** Controls of V4L2 as plain objects. */
import { decodeUtf8 } from '../../wire/text.ts';
import { v4l2_ext_control, v4l2_query_ext_ctrl, v4l2_queryctrl } from '../../wire/v4l2/videodev2.ts';

/** What QUERY_EXT_CTRL and QUERYCTRL tell. 64-bit ranges beyond 2^53 lose their last digits here. */
export interface ControlDescription {
  readonly id: number;
  /** V4L2_CTRL_TYPE_* */
  readonly type: number;
  readonly name: string;
  readonly minimum: number;
  readonly maximum: number;
  readonly step: number;
  readonly defaultValue: number;
  /** V4L2_CTRL_FLAG_* */
  readonly flags: number;
  readonly elemSize: number;
  readonly elems: number;
  readonly dims: readonly number[];
}

/** A control for S_EXT_CTRLS and TRY_EXT_CTRLS, or one asked for with G_EXT_CTRLS. */
export interface ControlValue {
  readonly id: number;
  /** a number for 32-bit controls, a bigint for 64-bit ones */
  readonly value?: number | bigint;
  /** payload of a string or compound control, sent through guest memory */
  readonly bytes?: Uint8Array;
  /** G_EXT_CTRLS: room for a payload, in bytes; S: default is the length of `bytes` */
  readonly size?: number;
}

/** A control as it came back. */
export interface ControlResult {
  readonly id: number;
  readonly value: number;
  readonly value64: bigint;
  /** `size` as the device left it; 0 for controls without a payload */
  readonly size: number;
  /** the payload, if `size` was not 0 */
  readonly bytes?: Uint8Array;
}

/** What an ext-controls ioctl came to. */
export interface ControlsResult {
  readonly errno: number;
  readonly errorIdx: number;
  readonly controls: readonly ControlResult[];
}

/** Reads QUERY_EXT_CTRL. */
export function decodeQueryExtCtrl(view: DataView): ControlDescription {
  const at = v4l2_query_ext_ctrl.fields;
  const dims = Math.min(4, at.nr_of_dims.get(view, 0));
  return {
    id: at.id.get(view, 0),
    type: at.type.get(view, 0),
    name: decodeUtf8(at.name.get(view, 0)),
    minimum: Number(at.minimum.get(view, 0)),
    maximum: Number(at.maximum.get(view, 0)),
    step: Number(at.step.get(view, 0)),
    defaultValue: Number(at.default_value.get(view, 0)),
    flags: at.flags.get(view, 0),
    elemSize: at.elem_size.get(view, 0),
    elems: at.elems.get(view, 0),
    dims: Array.from({ length: dims }, (_, i) => at.dims.at(i).get(view, 0)),
  };
}

/** Reads QUERYCTRL. */
export function decodeQueryCtrl(view: DataView): ControlDescription {
  const at = v4l2_queryctrl.fields;
  return {
    id: at.id.get(view, 0),
    type: at.type.get(view, 0),
    name: decodeUtf8(at.name.get(view, 0)),
    minimum: at.minimum.get(view, 0),
    maximum: at.maximum.get(view, 0),
    step: at.step.get(view, 0),
    defaultValue: at.default_value.get(view, 0),
    flags: at.flags.get(view, 0),
    elemSize: 4,
    elems: 1,
    dims: [],
  };
}

/** Writes one control of an array. */
export function encodeControl(control: ControlValue, view: DataView, base: number): void {
  const at = v4l2_ext_control.fields;
  at.id.set(view, base, control.id);
  const size = control.size ?? control.bytes?.length ?? 0;
  at.size.set(view, base, size);
  if (size > 0) return;
  if (typeof control.value === 'bigint') at.anon.fields.value64.set(view, base, control.value);
  else at.anon.fields.value.set(view, base, control.value ?? 0);
}

/** Reads one control of an array. */
export function decodeControl(view: DataView, base: number, bytes: Uint8Array | undefined): ControlResult {
  const at = v4l2_ext_control.fields;
  return {
    id: at.id.get(view, base),
    value: at.anon.fields.value.get(view, base),
    value64: at.anon.fields.value64.get(view, base),
    size: at.size.get(view, base),
    ...(bytes === undefined ? {} : { bytes }),
  };
}
