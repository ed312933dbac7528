// SPDX-License-Identifier: Apache-2.0
/**
 * The controls of a device (cameras) or of a session (memory-to-memory devices), with their values: what
 * `v4l2_ctrl_handler` is in the kernel. The ioctls on it are in `control-query.ts` and `control-values.ts`.
 */
import { roundToStep, sameBytes } from '../../base/index.ts';
import {
  Errno,
  V4L2_CTRL_FLAG_EXECUTE_ON_WRITE,
  V4L2_CTRL_FLAG_VOLATILE,
  V4L2_CTRL_FLAG_WRITE_ONLY,
  V4L2_CTRL_TYPE_CTRL_CLASS,
  V4L2_EVENT_CTRL_CH_FLAGS,
  V4L2_EVENT_CTRL_CH_RANGE,
  V4L2_EVENT_CTRL_CH_VALUE,
} from '../../wire/index.ts';
import { classControl, FIRST_PRIVATE_CONTROL } from './classes.ts';
import { baseFlags, type Control, type ControlData, type ControlSpec, hasOldId } from './control.ts';
import { ControlError } from './control-error.ts';
import { type ControlSetState, readControls, saveControl } from './control-state.ts';

/** A control that was refused, and why. Of a cluster, the first of its controls in the call. */
export interface ControlFault {
  readonly errno: number;
  readonly id: number;
}

/** What stands behind the controls. Everything optional: a set without a host only keeps values. */
export interface ControlHost {
  /**
   * Takes the new values of one cluster, already validated; only controls that an application set are in the map. Not 0:
   * the errno of the call, and no value of the cluster changes. A promise: the call waits for it, and the host assigns the values
   * itself, with this origin, as they come to be.
   */
  set?(values: ReadonlyMap<number, ControlData>, origin: unknown): number | Promise<number>;
  /** Looks at the values of one cluster before TRY and S: an errno refuses them, and nothing of the call is set. */
  try?(values: ReadonlyMap<number, ControlData>): number;
  /** Current value of a volatile control. */
  read?(id: number): ControlData;
}

/** Something about a control changed. `changes`: V4L2_EVENT_CTRL_CH_*. `origin`: whoever set it, as given to `apply`. */
export interface ControlUpdate {
  readonly control: Control;
  readonly changes: number;
  readonly origin: unknown;
}

/** A range, as it may become. */
export type ControlRange = Pick<ControlSpec, 'minimum' | 'maximum' | 'step' | 'default'>;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** The set, in the order of ids, with a class heading before the first control of each class. */
export class ControlSet {
  readonly #controls = new Map<number, Mutable<Control>>();
  readonly #listeners = new Set<(change: ControlUpdate) => void>();
  readonly #host: ControlHost;
  /** every control, by rising id */
  readonly ordered: readonly Control[];

  /** Throws `ControlError` for a range that a number cannot hold exactly. */
  constructor(specs: readonly ControlSpec[], host: ControlHost = {}) {
    this.#host = host;
    const withClasses = new Map<number, ControlSpec>();
    for (const spec of specs) {
      const heading = classControl(spec.id);
      if (heading !== undefined) withClasses.set(heading.id, heading);
    }
    for (const spec of specs) withClasses.set(spec.id, spec);
    const sorted = [...withClasses.values()].sort((a, b) => a.id - b.id);
    for (const spec of sorted) {
      expectExact(spec);
      this.#controls.set(spec.id, {
        spec,
        flags: baseFlags(spec),
        minimum: spec.minimum,
        maximum: spec.maximum,
        step: spec.step,
        default: spec.default,
        current: spec.default,
      });
    }
    this.ordered = [...this.#controls.values()];
  }

  /** The control with this id, which may be the old one of a private control. Class headings are controls too. */
  find(id: number): Control | undefined {
    const control = this.#controls.get(id);
    if (control !== undefined || id < FIRST_PRIVATE_CONTROL) return control;
    return this.ordered.filter(({ spec }) => hasOldId(spec))[id - FIRST_PRIVATE_CONTROL];
  }

  /** Current value, asked of the host where it is volatile; 0 if there is no such control. */
  value(id: number): ControlData {
    const control = this.#controls.get(id);
    if (control === undefined) return 0;
    if ((control.flags & V4L2_CTRL_FLAG_VOLATILE) !== 0 && this.#host.read !== undefined) return this.#host.read(id);
    return control.current;
  }

  /** The value as a number; 0 for a control that has none. */
  number(id: number): number {
    const value = this.value(id);
    return typeof value === 'number' ? value : 0;
  }

  /** Device side: the value is now this (already in range); listeners hear of a change. */
  assign(id: number, value: ControlData, origin?: unknown): void {
    const control = this.#controls.get(id);
    if (control === undefined) return;
    const same = equal(control.current, value);
    control.current = value;
    if (!same || (control.flags & V4L2_CTRL_FLAG_EXECUTE_ON_WRITE) !== 0) this.#tell(control, V4L2_EVENT_CTRL_CH_VALUE, origin);
  }

  /** Device side: sets and clears V4L2_CTRL_FLAG_* (GRABBED, INACTIVE, READ_ONLY, DISABLED). */
  setFlags(id: number, set: number, clear = 0): void {
    const control = this.#controls.get(id);
    if (control === undefined) return;
    const flags = (control.flags & ~clear) | set;
    if (flags === control.flags) return;
    control.flags = flags;
    this.#tell(control, V4L2_EVENT_CTRL_CH_FLAGS, undefined);
  }

  /**
   * Device side: a new range, and the default in it. The value becomes `value`, or else the nearest inside; listeners hear of both
   * at once.
   */
  setRange(id: number, range: ControlRange, value?: number): void {
    const control = this.#controls.get(id);
    if (control === undefined) return;
    const { minimum, maximum, step, default: fallback } = range;
    expectExact({ ...control.spec, minimum, maximum });
    Object.assign(control, { minimum, maximum, step, default: fallback });
    let changes = V4L2_EVENT_CTRL_CH_RANGE;
    if (typeof control.current === 'number') {
      const inside = value ?? roundToStep(control.current, minimum, maximum, step);
      if (inside !== control.current) changes |= V4L2_EVENT_CTRL_CH_VALUE;
      control.current = inside;
    }
    this.#tell(control, changes, undefined);
  }

  /** Asks the host about values that are in range, cluster by cluster; the first that is refused. */
  try(values: ReadonlyMap<number, ControlData>): ControlFault | undefined {
    if (this.#host.try === undefined) return undefined;
    for (const cluster of this.#clusters(values)) {
      const errno = this.#host.try(cluster);
      if (errno !== 0) return { errno, id: firstOf(cluster) };
    }
    return undefined;
  }

  /**
   * Sets values that are in range, cluster by cluster in the order of the map, each cluster in one call of the host. Stops
   * at the first that the host refuses, which is the answer; those before it stay set. `origin` names whoever asked, for
   * `ControlUpdate`. Of an id that is not here nothing is set at all. A promise where the host's answer is one.
   */
  apply(values: ReadonlyMap<number, ControlData>, origin: unknown): ControlFault | undefined | Promise<ControlFault | undefined> {
    for (const id of values.keys()) if (!this.#controls.has(id)) return { errno: Errno.EINVAL, id };
    return this.#applyAll([...this.#clusters(values)], origin);
  }

  #applyAll(
    clusters: readonly ReadonlyMap<number, ControlData>[],
    origin: unknown,
  ): ControlFault | undefined | Promise<ControlFault | undefined> {
    for (const [i, cluster] of clusters.entries()) {
      const id = firstOf(cluster);
      const answer = this.#host.set?.(cluster, origin) ?? 0;
      if (typeof answer !== 'number')
        return answer.then((errno) => (errno === 0 ? this.#applyAll(clusters.slice(i + 1), origin) : { errno, id }));
      if (answer !== 0) return { errno: answer, id };
      this.#assignAll(cluster, origin);
    }
    return undefined;
  }

  #assignAll(cluster: ReadonlyMap<number, ControlData>, origin: unknown): void {
    for (const [id, value] of cluster) {
      const control = this.#controls.get(id);
      const keeps = control !== undefined && (control.flags & V4L2_CTRL_FLAG_WRITE_ONLY) === 0;
      this.assign(id, keeps ? value : (control?.current ?? 0), origin);
    }
  }

  /** All values, flags and ranges as plain data; at any time: what the host is still asked to set is as before. */
  save(): ControlSetState {
    return { controls: this.ordered.map(saveControl) };
  }

  /**
   * Goes on as the set that was saved, which must have been declared the same. For a set that nobody has heard of yet: listeners are
   * told nothing, and what stands behind the controls has its values from elsewhere. Throws `SavedStateError` for a state that
   * cannot be; nothing is changed then.
   */
  restore(state: unknown): void {
    for (const [i, start] of readControls(state, this.ordered).entries())
      Object.assign(this.ordered[i] as Mutable<Control>, start);
  }

  /** The values by cluster, in the order of the map. */
  #clusters(values: ReadonlyMap<number, ControlData>): Iterable<ReadonlyMap<number, ControlData>> {
    const clusters = new Map<string, Map<number, ControlData>>();
    for (const [id, value] of values) {
      const number = this.#controls.get(id)?.spec.cluster;
      const key = number === undefined ? `id ${id}` : `cluster ${number}`;
      const cluster = clusters.get(key) ?? new Map<number, ControlData>();
      cluster.set(id, value);
      clusters.set(key, cluster);
    }
    return clusters.values();
  }

  /** Hears of every change until disposed. */
  listen(listener: (change: ControlUpdate) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  #tell(control: Control, changes: number, origin: unknown): void {
    if (control.spec.type === V4L2_CTRL_TYPE_CTRL_CLASS) return;
    for (const listener of this.#listeners) listener({ control, changes, origin });
  }
}

function firstOf(cluster: ReadonlyMap<number, ControlData>): number {
  const [id = 0] = cluster.keys();
  return id;
}

/** Throws for a range beyond 2^53, where a number cannot hold every integer and values would change without notice. */
function expectExact(spec: ControlSpec): void {
  if (Number.isSafeInteger(spec.minimum) && Number.isSafeInteger(spec.maximum)) return;
  throw new ControlError(
    `control "${spec.name}" ranges from ${spec.minimum} to ${spec.maximum}: both must be integers within 2^53 - 1 of 0`,
  );
}

function equal(a: ControlData, b: ControlData): boolean {
  if (typeof a === 'number' || typeof b === 'number') return a === b;
  return sameBytes(a, b);
}
