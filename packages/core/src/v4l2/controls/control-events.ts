// SPDX-License-Identifier: Apache-2.0
/** V4L2_EVENT_CTRL: what happened to a control. */
import {
  V4L2_CTRL_FLAG_WRITE_ONLY,
  V4L2_CTRL_TYPE_INTEGER64,
  V4L2_EVENT_CTRL_CH_FLAGS,
  V4L2_EVENT_CTRL_CH_VALUE,
  v4l2_event,
} from '../../wire/index.ts';
import type { EventFill } from '../events.ts';
import type { Control } from './control.ts';
import { hasPayload } from './control.ts';
import type { ControlSet } from './control-set.ts';

const C = v4l2_event.fields.u.fields.ctrl.fields;

/** Fills an event about `control`; `changes` is V4L2_EVENT_CTRL_CH_*. */
export function controlEvent(set: ControlSet, control: Control, changes: number): EventFill {
  return (view) => {
    C.changes.set(view, 0, changes);
    C.type.set(view, 0, control.spec.type);
    C.flags.set(view, 0, control.flags);
    if (hasPayload(control.spec)) return;
    const value = (control.flags & V4L2_CTRL_FLAG_WRITE_ONLY) === 0 ? set.number(control.spec.id) : 0;
    if (control.spec.type === V4L2_CTRL_TYPE_INTEGER64) {
      C.anon.fields.value64.set(view, 0, BigInt(value));
      return;
    }
    C.anon.fields.value.set(view, 0, value);
    C.minimum.set(view, 0, control.minimum);
    C.maximum.set(view, 0, control.maximum);
    C.step.set(view, 0, control.step);
    C.default_value.set(view, 0, typeof control.default === 'number' ? control.default : 0);
  };
}

/** Fills the initial event of a subscription: all there is to know (SEND_INITIAL). A control that cannot be read has no value. */
export function initialControlEvent(set: ControlSet, control: Control): EventFill {
  const readable = (control.flags & V4L2_CTRL_FLAG_WRITE_ONLY) === 0;
  return controlEvent(set, control, V4L2_EVENT_CTRL_CH_FLAGS | (readable ? V4L2_EVENT_CTRL_CH_VALUE : 0));
}
