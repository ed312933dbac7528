// SPDX-License-Identifier: Apache-2.0
/** `struct v4l2_event` as a plain object. */
import { v4l2_event } from '../../wire/v4l2/videodev2.ts';
import { V4L2_EVENT_CTRL, V4L2_EVENT_SOURCE_CHANGE } from '../../wire/v4l2/videodev2-constants.gen.ts';

/** Payload of V4L2_EVENT_CTRL. */
export interface ControlChange {
  /** V4L2_EVENT_CTRL_CH_* */
  readonly changes: number;
  readonly type: number;
  readonly value: number;
  readonly flags: number;
  readonly minimum: number;
  readonly maximum: number;
  readonly step: number;
  readonly defaultValue: number;
}

/** A V4L2 event. */
export interface MediaEvent {
  /** V4L2_EVENT_* */
  readonly type: number;
  readonly id: number;
  readonly sequence: number;
  readonly pending: number;
  /** V4L2_EVENT_SRC_CH_* of a source change, else 0 */
  readonly changes: number;
  readonly control?: ControlChange;
}

/** Reads an event at `base`. */
export function decodeEvent(view: DataView, base: number): MediaEvent {
  const f = v4l2_event.fields;
  const type = f.type.get(view, base);
  const common = { type, id: f.id.get(view, base), sequence: f.sequence.get(view, base), pending: f.pending.get(view, base) };
  if (type === V4L2_EVENT_SOURCE_CHANGE) return { ...common, changes: f.u.fields.src_change.fields.changes.get(view, base) };
  if (type !== V4L2_EVENT_CTRL) return { ...common, changes: 0 };
  const c = f.u.fields.ctrl.fields;
  return {
    ...common,
    changes: 0,
    control: {
      changes: c.changes.get(view, base),
      type: c.type.get(view, base),
      value: c.anon.fields.value.get(view, base),
      flags: c.flags.get(view, base),
      minimum: c.minimum.get(view, base),
      maximum: c.maximum.get(view, base),
      step: c.step.get(view, base),
      defaultValue: c.default_value.get(view, base),
    },
  };
}
