// SPDX-License-Identifier: Apache-2.0
/** The controls of a source as V4L2 controls. */
import type { Clock, ControlPort, SourceControl } from '../../ports/index.ts';
import { type ControlHost, ControlSet, type ControlSpec, sliderFlag } from '../../v4l2/index.ts';
import {
  Errno,
  V4L2_CTRL_FLAG_DISABLED,
  V4L2_CTRL_FLAG_GRABBED,
  V4L2_CTRL_FLAG_INACTIVE,
  V4L2_CTRL_FLAG_READ_ONLY,
  V4L2_CTRL_FLAG_VOLATILE,
  V4L2_CTRL_TYPE_BOOLEAN,
  V4L2_CTRL_TYPE_BUTTON,
  V4L2_CTRL_TYPE_INTEGER,
  V4L2_CTRL_TYPE_INTEGER_MENU,
  V4L2_CTRL_TYPE_MENU,
} from '../../wire/index.ts';

const TYPES = {
  integer: V4L2_CTRL_TYPE_INTEGER,
  boolean: V4L2_CTRL_TYPE_BOOLEAN,
  menu: V4L2_CTRL_TYPE_MENU,
  'integer-menu': V4L2_CTRL_TYPE_INTEGER_MENU,
  button: V4L2_CTRL_TYPE_BUTTON,
} as const;

/** Flags that change while a camera is there. */
const LIVE_FLAGS = V4L2_CTRL_FLAG_INACTIVE | V4L2_CTRL_FLAG_GRABBED | V4L2_CTRL_FLAG_READ_ONLY | V4L2_CTRL_FLAG_DISABLED;

function flagsOf({ inactive, grabbed, readOnly, disabled }: SourceControl): number {
  return (
    (inactive === true ? V4L2_CTRL_FLAG_INACTIVE : 0) |
    (grabbed === true ? V4L2_CTRL_FLAG_GRABBED : 0) |
    (readOnly === true ? V4L2_CTRL_FLAG_READ_ONLY : 0) |
    (disabled === true ? V4L2_CTRL_FLAG_DISABLED : 0)
  );
}

function specOf(control: SourceControl): ControlSpec {
  const type = TYPES[control.type];
  const base = { id: control.id, type, name: control.name, flags: flagsOf(control) };
  if (control.type === 'button') return { ...base, minimum: 0, maximum: 0, step: 0, default: 0 };
  if (control.type === 'boolean') return { ...base, minimum: 0, maximum: 1, step: 1, default: control.default };
  const slider = control.type === 'integer' ? sliderFlag({ type, minimum: control.minimum, maximum: control.maximum }) : 0;
  return {
    ...base,
    minimum: control.minimum,
    maximum: control.maximum,
    step: Math.max(1, control.step),
    default: control.default,
    flags: base.flags | slider | (control.volatile === true ? V4L2_CTRL_FLAG_VOLATILE : 0),
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

/** The most that a guest waits for a source that is asked to set a control, in microseconds; then it gets EIO. */
export const CONTROL_ANSWER_WAIT = 1_000_000;

/** A value that the source is asked to take. */
interface AskedValue {
  readonly id: number;
  readonly value: number;
  /** whoever asked */
  readonly origin: unknown;
  /** the source said that it has it */
  told: boolean;
  /** its answer is awaited */
  late: boolean;
}

/**
 * The controls of a source, kept in step with it: what another guest or the camera itself changes, be it a value, a range or a
 * flag, is heard by every session. A source that has to ask its camera has its answer awaited, for `CONTROL_ANSWER_WAIT`; what comes
 * later is a change by the camera itself. Dispose to stop listening.
 */
export function captureControls(port: ControlPort, clock: Clock): CaptureControls {
  const asking = new Set<AskedValue>();
  /** what this guest set, by control */
  const own = new Map<number, number>();
  const ask = (id: number, value: number, origin: unknown): number | Promise<number> => {
    const asked: AskedValue = { id, value, origin, told: false, late: false };
    const answered = (errno: number): number => {
      if (errno === 0) own.set(id, value);
      return errno;
    };
    asking.add(asked);
    try {
      const answer = port.set(id, value);
      if (typeof answer === 'number') return answered(answer);
      asked.late = true;
      if (asked.told) set.assign(id, value, origin);
      return inTime(clock, answer)
        .then(answered)
        .finally(() => asking.delete(asked));
    } finally {
      if (!asked.late) asking.delete(asked);
    }
  };
  const host: ControlHost = {
    set: (values, origin) => {
      // Sources have no clusters: it is one.
      for (const [id, value] of values) if (typeof value === 'number') return ask(id, value, origin);
      return 0;
    },
    read: (id) => port.get(id),
  };
  const set = new ControlSet(port.declared.map(specOf), host);
  for (const control of port.declared) set.assign(control.id, port.get(control.id));
  const listening = port.onChange((id, value) => {
    const control = port.declared.find((each) => each.id === id);
    const redeclared = control !== undefined && redeclare(set, control, value);
    // A button has no value: what is told of it is that it was pressed, or what else it is now.
    if (redeclared && control.type === 'button') return;
    const asked = [...asking].find((each) => each.id === id && each.value === value);
    // A source that answers at once has told nothing new: the set tells the sessions, and knows who asked.
    if (asked?.late === false) asked.told = true;
    else set.assign(id, value, asked?.origin);
  });
  return Object.assign(set, {
    restore: () => {
      for (const { id, type, default: value } of port.declared) {
        if (type !== 'button' && own.get(id) === port.get(id)) void port.set(id, value);
      }
      own.clear();
    },
    [Symbol.dispose]: () => listening[Symbol.dispose](),
  });
}

/** Range and flags of a control as they are declared now; false if they were so before. */
function redeclare(set: ControlSet, control: SourceControl, value: number): boolean {
  const { id, minimum, maximum, step, default: fallback } = specOf(control);
  const known = set.find(id);
  if (known === undefined) return false;
  const before = known.flags;
  const same = known.minimum === minimum && known.maximum === maximum && known.step === step && known.default === fallback;
  if (!same) set.setRange(id, { minimum, maximum, step, default: fallback }, value);
  const flags = flagsOf(control);
  set.setFlags(id, flags, LIVE_FLAGS & ~flags);
  return !same || known.flags !== before;
}

/** The answer, or EIO if it does not come in time. */
async function inTime(clock: Clock, answer: Promise<number>): Promise<number> {
  const { promise: over, resolve } = Promise.withResolvers<number>();
  using _timer = clock.at(clock.now() + CONTROL_ANSWER_WAIT, () => resolve(Errno.EIO));
  return await Promise.race([answer, over]);
}
