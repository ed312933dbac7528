// SPDX-License-Identifier: Apache-2.0
/** A set of controls that was saved and restored, beside one that was left alone: no ioctl and no event can tell them apart. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { hexOf } from '../../base/index.ts';
import { complaint, mutations } from '../../testing/mutations.ts';
import {
  Errno,
  V4L2_CTRL_CLASS_USER,
  V4L2_CTRL_FLAG_DISABLED,
  V4L2_CTRL_FLAG_GRABBED,
  V4L2_CTRL_FLAG_INACTIVE,
  V4L2_CTRL_FLAG_READ_ONLY,
  V4L2_CTRL_FLAG_VOLATILE,
  V4L2_CTRL_FLAG_WRITE_ONLY,
  V4L2_CTRL_TYPE_BITMASK,
  V4L2_CTRL_TYPE_BOOLEAN,
  V4L2_CTRL_TYPE_BUTTON,
  V4L2_CTRL_TYPE_INTEGER,
  V4L2_CTRL_TYPE_INTEGER64,
  V4L2_CTRL_TYPE_MENU,
  V4L2_CTRL_TYPE_STRING,
  V4L2_CTRL_TYPE_U8,
  v4l2_control,
  v4l2_event,
  v4l2_ext_control,
  v4l2_ext_controls,
  v4l2_query_ext_ctrl,
} from '../../wire/index.ts';
import {
  type ControlRange,
  ControlSet,
  type ControlSpec,
  controlEvent,
  type ExtControlsVerb,
  extControls,
  getControl,
  queryExtControl,
  setControl,
} from './index.ts';

const FIRST = V4L2_CTRL_CLASS_USER | 0x1000;
const spec = (n: number, type: number, more: Partial<ControlSpec> = {}): ControlSpec => ({
  id: FIRST + n,
  type,
  name: `Control ${n}`,
  minimum: 0,
  maximum: 200,
  step: 1,
  default: 100,
  ...more,
});
const STRING = FIRST + 3;
const SPECS: readonly ControlSpec[] = [
  spec(0, V4L2_CTRL_TYPE_INTEGER, { minimum: -50, step: 3 }),
  spec(1, V4L2_CTRL_TYPE_BOOLEAN, { maximum: 1, default: 1, cluster: 1 }),
  spec(2, V4L2_CTRL_TYPE_MENU, { maximum: 3, default: 0, menu: ['Off', undefined, 'Fast', 'Best'], cluster: 1 }),
  spec(3, V4L2_CTRL_TYPE_STRING, { minimum: 1, maximum: 5, default: Uint8Array.of(104, 105) }),
  spec(4, V4L2_CTRL_TYPE_U8, { minimum: 10, maximum: 20, default: 10, dims: [2, 2] }),
  spec(5, V4L2_CTRL_TYPE_INTEGER64, { minimum: -(2 ** 50), maximum: 2 ** 50 }),
  spec(6, V4L2_CTRL_TYPE_BITMASK, { maximum: 0xc000_0003, default: 1, step: 0 }),
  spec(7, V4L2_CTRL_TYPE_BUTTON, { maximum: 0, step: 0, default: 0 }),
  spec(8, V4L2_CTRL_TYPE_INTEGER, { flags: V4L2_CTRL_FLAG_VOLATILE }),
  spec(9, V4L2_CTRL_TYPE_INTEGER, { flags: V4L2_CTRL_FLAG_WRITE_ONLY }),
];

type Action =
  | { readonly kind: 'old' | 'assign'; readonly which: number; readonly value: number }
  | {
      readonly kind: 'get' | 'set' | 'try';
      readonly which: readonly number[];
      readonly value: number;
      readonly bytes: Uint8Array;
    }
  | { readonly kind: 'flags'; readonly which: number; readonly set: number; readonly clear: number }
  | ({ readonly kind: 'range'; readonly which: number } & ControlRange)
  | { readonly kind: 'move' };

const which = fc.nat(SPECS.length - 1);
const value = fc.oneof(fc.integer({ min: -60, max: 210 }), fc.constantFrom(-(2 ** 31), 2 ** 31 - 1));
const live = fc.constantFrom(
  0,
  V4L2_CTRL_FLAG_GRABBED,
  V4L2_CTRL_FLAG_INACTIVE,
  V4L2_CTRL_FLAG_READ_ONLY,
  V4L2_CTRL_FLAG_DISABLED,
);
const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('old' as const), which, value }) },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constantFrom('get' as const, 'set' as const, 'set' as const, 'try' as const),
      which: fc.array(which, { minLength: 1, maxLength: 3 }),
      value,
      bytes: fc.uint8Array({ minLength: 4, maxLength: 6 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('assign' as const), which: fc.constantFrom(1, 2), value: fc.nat(1) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('flags' as const), which, set: live, clear: live }) },
  {
    weight: 1,
    arbitrary: fc
      .record({ which: fc.constantFrom(0, 8), low: fc.integer({ min: -90, max: 190 }), width: fc.nat(60), step: fc.nat(5) })
      .map(({ which, low, width, step }) => {
        return { kind: 'range' as const, which, minimum: low, maximum: low + width, step, default: low };
      }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('move' as const) }) },
);

/** What a view holds now. */
const bytesOf = (view: DataView): string => hexOf(new Uint8Array(view.buffer, view.byteOffset, view.byteLength));

/** A set, the application that uses it, and all that came of it: answers, events, calls of the host. */
class World {
  set = this.#make();
  readonly seen: unknown[] = [];
  moves = 0;

  step(one: Action): void {
    switch (one.kind) {
      case 'old': {
        const view = new DataView(new ArrayBuffer(v4l2_control.size));
        v4l2_control.fields.id.set(view, 0, FIRST + one.which);
        v4l2_control.fields.value.set(view, 0, one.value);
        this.seen.push(setControl(this.set, view, 'me'), bytesOf(view), getControl(this.set, view), bytesOf(view));
        return;
      }
      case 'get':
      case 'set':
      case 'try':
        return this.#ext(one.kind, one.which, one.value, one.bytes);
      case 'assign':
        return this.set.assign(FIRST + one.which, one.value);
      case 'flags':
        return this.set.setFlags(FIRST + one.which, one.set, one.clear);
      case 'range':
        return this.set.setRange(FIRST + one.which, one);
      case 'move':
        return;
    }
  }

  /** What every control looks like now. */
  get shown(): unknown {
    return this.set.ordered.map(({ spec: { id } }) => {
      const view = new DataView(new ArrayBuffer(v4l2_query_ext_ctrl.size));
      v4l2_query_ext_ctrl.fields.id.set(view, 0, id);
      return [queryExtControl(this.set, view), bytesOf(view), this.set.value(id)];
    });
  }

  /** Goes on with a set that knows only what was saved. */
  move(): void {
    const state: unknown = JSON.parse(JSON.stringify(this.set.save()));
    expect(state).toEqual(structuredClone(this.set.save()));
    const heard = this.seen.length;
    this.set = this.#make();
    this.set.restore(state);
    expect(this.seen).toHaveLength(heard);
    this.moves++;
  }

  #make(): ControlSet {
    const set = new ControlSet(SPECS, {
      set: (values) => {
        this.seen.push(['host', ...values]);
        return values.get(FIRST) === 10 ? Errno.EIO : 0;
      },
      try: (values) => (values.get(FIRST) === 7 ? Errno.EBUSY : 0),
      read: (id) => 50 + (id & 1),
    });
    set.listen(({ control, changes, origin }) => {
      const event = new DataView(new ArrayBuffer(v4l2_event.size));
      controlEvent(set, control, changes)(event);
      this.seen.push([origin, control.spec.id, bytesOf(event)]);
    });
    return set;
  }

  #ext(verb: ExtControlsVerb, ids: readonly number[], number: number, bytes: Uint8Array): void {
    const payload = new DataView(new ArrayBuffer(v4l2_ext_controls.size));
    v4l2_ext_controls.fields.count.set(payload, 0, ids.length);
    const controls = new DataView(new ArrayBuffer(ids.length * v4l2_ext_control.size));
    for (const [i, n] of ids.entries()) {
      const at = i * v4l2_ext_control.size;
      v4l2_ext_control.fields.id.set(controls, at, FIRST + n);
      v4l2_ext_control.fields.size.set(controls, at, bytes.length);
      v4l2_ext_control.fields.anon.fields.value64.set(controls, at, BigInt(number));
    }
    const call = {
      payload,
      controls,
      lists: ids.map((n) => (n === 3 || n === 4 ? [{ address: 0, length: bytes.length }] : [])),
      memory: {
        read: (_ranges: unknown, length: number) => (length <= bytes.length ? bytes.slice(0, length) : undefined),
        write: (_ranges: unknown, written: Uint8Array) => {
          this.seen.push(hexOf(written));
          return true;
        },
      },
      payloadOnError: false,
    };
    const errno = extControls(verb, this.set, call, { controlsPerCall: 16, controlBytes: 64 }, 'me');
    this.seen.push(errno, bytesOf(payload), bytesOf(controls));
  }
}

describe('controls that are saved and restored', () => {
  test('go on as if nothing had happened: answers, events, what the host is told', () => {
    let moves = 0;
    fc.assert(
      fc.property(fc.array(action, { minLength: 5, maxLength: 40, size: 'max' }), (actions) => {
        const left = new World();
        const moved = new World();
        for (const one of actions) {
          left.step(one);
          moved.step(one);
          if (one.kind === 'move') moved.move();
          expect(JSON.stringify(moved.seen.splice(0))).toBe(JSON.stringify(left.seen.splice(0)));
          expect(JSON.stringify(moved.shown)).toBe(JSON.stringify(left.shown));
        }
        moves += moved.moves;
      }),
      { numRuns: 60 },
    );
    expect(moves).toBeGreaterThan(60);
  });

  test('are refused by name where a field is wrong, and the set that refused them is as it was', () => {
    const set = new ControlSet(SPECS);
    const state = set.save();
    const all = mutations(state, /imum$|controls\[[16]\]\.(default|current)$/);
    expect(all.length).toBeGreaterThan(500);
    expect(all.map((mutation) => complaint(mutation, (wrong) => set.restore(wrong))).filter(Boolean)).toEqual([]);
    const change = (id: number, more: object): unknown => ({
      controls: state.controls.map((one) => (one.id === id ? { ...one, ...more } : one)),
    });
    expect(() => set.restore(change(FIRST, { current: 201 }))).toThrow(/current is 201: it must be an integer from -50 to 200/);
    expect(() => set.restore(change(FIRST + 6, { current: 4 }))).toThrow(/current is 4: .* bits of 3221225475/);
    expect(() => set.restore(change(STRING, { current: '' }))).toThrow(/current is "": .* 1 to 5 bytes/);
    expect(() => set.restore(change(STRING, { current: '410042' }))).toThrow(/without a 0/);
    expect(() => set.restore(change(FIRST + 4, { current: '0a0a0a' }))).toThrow(/digits of 4 bytes/);
    expect(() => set.restore(change(FIRST + 1, { flags: V4L2_CTRL_FLAG_VOLATILE }))).toThrow(
      /flags is 128: it must be 0, with GRABBED/,
    );
    expect(() => set.restore(change(FIRST + 1, { id: 5 }))).toThrow(/id is 5: it must be \d+, the control "Control 1"/);
    expect(() => set.restore({ controls: state.controls.slice(1) })).toThrow(/one for each of the 11 controls/);
    expect(set.save()).toEqual(state);
  });
});
