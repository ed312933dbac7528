// SPDX-License-Identifier: Apache-2.0
/** The controls of a source as V4L2 controls. */
import type { ControlPort, SourceControl } from '../ports/index.ts';
import { type ControlHost, ControlSet, type ControlSpec, sliderFlag } from '../v4l2/index.ts';
import {
  V4L2_CTRL_FLAG_VOLATILE,
  V4L2_CTRL_TYPE_BOOLEAN,
  V4L2_CTRL_TYPE_BUTTON,
  V4L2_CTRL_TYPE_INTEGER,
  V4L2_CTRL_TYPE_INTEGER_MENU,
  V4L2_CTRL_TYPE_MENU,
} from '../wire/index.ts';

const TYPES = {
  integer: V4L2_CTRL_TYPE_INTEGER,
  boolean: V4L2_CTRL_TYPE_BOOLEAN,
  menu: V4L2_CTRL_TYPE_MENU,
  'integer-menu': V4L2_CTRL_TYPE_INTEGER_MENU,
  button: V4L2_CTRL_TYPE_BUTTON,
} as const;

function specOf(control: SourceControl): ControlSpec {
  const type = TYPES[control.type];
  const base = { id: control.id, type, name: control.name };
  if (control.type === 'button') return { ...base, minimum: 0, maximum: 0, step: 0, default: 0 };
  if (control.type === 'boolean') return { ...base, minimum: 0, maximum: 1, step: 1, default: control.default };
  const slider = control.type === 'integer' ? sliderFlag({ type, minimum: control.minimum, maximum: control.maximum }) : 0;
  return {
    ...base,
    minimum: control.minimum,
    maximum: control.maximum,
    step: Math.max(1, control.step),
    default: control.default,
    flags: slider | (control.volatile === true ? V4L2_CTRL_FLAG_VOLATILE : 0),
    ...(control.menu === undefined ? {} : { menu: control.menu }),
    ...(control.integerMenu === undefined ? {} : { integerMenu: control.integerMenu }),
  };
}

/** The controls of one guest's camera. */
export type CaptureControls = ControlSet &
  Disposable & {
    /** Sets back to their defaults those that this guest set and nobody has changed since: others may look at the same source. */
    restore(): void;
  };

/**
 * The controls of a source, kept in step with it: what another guest or the camera itself changes is assigned and heard by
 * every session. Dispose to stop listening.
 */
export function captureControls(port: ControlPort): CaptureControls {
  // While values are on their way to the source its echo says nothing new; the set tells the sessions, and knows who asked.
  const setting = new Set<number>();
  /** what this guest set, by control */
  const own = new Map<number, number>();
  const host: ControlHost = {
    set: (values) => {
      for (const [id, value] of values) {
        if (typeof value !== 'number') continue;
        setting.add(id);
        try {
          const errno = port.set(id, value);
          if (errno !== 0) return errno;
          own.set(id, value);
        } finally {
          setting.delete(id);
        }
      }
      return 0;
    },
    read: (id) => port.get(id),
  };
  const set = new ControlSet(port.declared.map(specOf), host);
  for (const control of port.declared) set.assign(control.id, port.get(control.id));
  const listening = port.onChange((id, value) => {
    if (!setting.has(id)) set.assign(id, value);
  });
  return Object.assign(set, {
    restore: () => {
      for (const { id, type, default: value } of port.declared) {
        if (type !== 'button' && own.get(id) === port.get(id)) port.set(id, value);
      }
      own.clear();
    },
    [Symbol.dispose]: () => listening[Symbol.dispose](),
  });
}
