// SPDX-License-Identifier: Apache-2.0
/** Values at the edges of what a control can hold, and what a call says of a control that the device refuses. */
import { describe, expect, it } from 'vitest';
import {
  Errno,
  V4L2_CID_BRIGHTNESS,
  V4L2_CID_CONTRAST,
  V4L2_CID_SATURATION,
  V4L2_CTRL_CLASS_USER,
  V4L2_CTRL_TYPE_BITMASK,
  V4L2_CTRL_TYPE_INTEGER,
  V4L2_CTRL_TYPE_INTEGER64,
  v4l2_control,
  v4l2_ext_control,
  v4l2_ext_controls,
  v4l2_queryctrl,
} from '../../wire/index.ts';
import {
  ControlError,
  type ControlHost,
  ControlSet,
  type ControlSpec,
  type ExtControlsVerb,
  extControls,
  queryControl,
  setControl,
} from './index.ts';

const MOST = Number.MAX_SAFE_INTEGER;
const WIDE = V4L2_CTRL_CLASS_USER | 0x1001;
const MASK = V4L2_CTRL_CLASS_USER | 0x1002;

const spec = (id: number, more: Partial<ControlSpec> = {}): ControlSpec => ({
  id,
  type: V4L2_CTRL_TYPE_INTEGER,
  name: `Control ${id & 0xff}`,
  minimum: 0,
  maximum: 255,
  step: 1,
  default: 0,
  ...more,
});
const wide = (minimum: number, maximum: number, step = 1): ControlSpec =>
  spec(WIDE, { type: V4L2_CTRL_TYPE_INTEGER64, minimum, maximum, step });

/** Runs an ext-controls ioctl on plain values. */
function run(verb: ExtControlsVerb, set: ControlSet, values: readonly (readonly [number, bigint])[]) {
  const payload = new DataView(new ArrayBuffer(v4l2_ext_controls.size));
  const controls = new DataView(new ArrayBuffer(values.length * v4l2_ext_control.size));
  v4l2_ext_controls.fields.count.set(payload, 0, values.length);
  for (const [i, [id, value]] of values.entries()) {
    v4l2_ext_control.fields.id.set(controls, i * v4l2_ext_control.size, id);
    v4l2_ext_control.fields.anon.fields.value64.set(controls, i * v4l2_ext_control.size, value);
  }
  const memory = { read: () => undefined, write: () => false };
  const call = { payload, controls, lists: [], memory, payloadOnError: false };
  const errno = extControls(verb, set, call, { controlsPerCall: 16, controlBytes: 64 }, undefined);
  return {
    errno,
    errorIdx: v4l2_ext_controls.fields.error_idx.get(payload, 0),
    wide: (i: number) => v4l2_ext_control.fields.anon.fields.value64.get(controls, i * v4l2_ext_control.size),
  };
}

describe('controls of 64 bits', () => {
  it.each([
    [2n ** 63n - 1n, BigInt(MOST)],
    [-(2n ** 63n), -BigInt(MOST)],
    [BigInt(MOST) - 1n, BigInt(MOST)],
    [-BigInt(MOST) + 5n, -BigInt(MOST) + 6n],
    [-BigInt(MOST) + 4n, -BigInt(MOST) + 4n],
  ])('%i is kept as %i: clamped and rounded to the step without losing a bit', (asked, kept) => {
    const set = new ControlSet([wide(-MOST, MOST, 2)]);
    const { errno, wide: answered } = run('set', set, [[WIDE, asked]]);
    expect({ errno, value: answered(0) }).toEqual({ errno: 0, value: kept });
    expect(BigInt(set.number(WIDE))).toBe(kept);
  });

  it('are refused where a number could not hold their range', () => {
    expect(() => new ControlSet([wide(0, 2 ** 60)])).toThrow(ControlError);
    const set = new ControlSet([wide(0, 10)]);
    expect(() => set.setRange(WIDE, { minimum: -(2 ** 60), maximum: 10, step: 1, default: 0 })).toThrow(/within 2\^53/);
  });
});

describe('a bitmask', () => {
  it('has a bit 31 like every other', () => {
    const heard: unknown[] = [];
    const host: ControlHost = {
      set: (values) => {
        heard.push(...values);
        return 0;
      },
    };
    const set = new ControlSet([spec(MASK, { type: V4L2_CTRL_TYPE_BITMASK, maximum: 0xc000_0001, step: 0 })], host);
    const view = new DataView(new ArrayBuffer(v4l2_control.size));
    v4l2_control.fields.id.set(view, 0, MASK);
    view.setUint32(4, 0x9000_0001, true);
    expect(setControl(set, view, undefined)).toBe(0);
    expect(view.getUint32(4, true)).toBe(0x8000_0001);
    expect(heard).toEqual([[MASK, 0x8000_0001]]);
    const query = new DataView(new ArrayBuffer(v4l2_queryctrl.size));
    v4l2_queryctrl.fields.id.set(query, 0, MASK);
    expect(queryControl(set, query)).toBe(0);
    expect(v4l2_queryctrl.fields.maximum.get(query, 0) >>> 0).toBe(0xc000_0001);
  });
});

describe('a control that the device refuses', () => {
  const three = [V4L2_CID_BRIGHTNESS, V4L2_CID_CONTRAST, V4L2_CID_SATURATION] as const;
  const values = three.map((id) => [id, 9n] as const);

  it('is named by error_idx, and those before it are set', () => {
    const set = new ControlSet(
      three.map((id) => spec(id)),
      { set: (changed) => (changed.has(V4L2_CID_CONTRAST) ? Errno.EBUSY : 0) },
    );
    expect(run('set', set, values)).toMatchObject({ errno: Errno.EBUSY, errorIdx: 1 });
    expect(three.map((id) => set.number(id))).toEqual([9, 0, 0]);
  });

  it('is named by error_idx of TRY; S_EXT_CTRLS then sets none, and says so by the count', () => {
    const set = new ControlSet(
      three.map((id) => spec(id)),
      { try: (changed) => (changed.has(V4L2_CID_SATURATION) ? Errno.ERANGE : 0) },
    );
    expect(run('try', set, values)).toMatchObject({ errno: Errno.ERANGE, errorIdx: 2 });
    expect(run('set', set, values)).toMatchObject({ errno: Errno.ERANGE, errorIdx: 3 });
    expect(three.map((id) => set.number(id))).toEqual([0, 0, 0]);
  });
});

describe('an old program', () => {
  const BASE = 0x0800_0000;
  const own = (n: number) => V4L2_CTRL_CLASS_USER | n;
  const set = new ControlSet([spec(V4L2_CID_BRIGHTNESS), spec(own(0x1005)), wide(0, 9), spec(own(0x1003))]);
  const asked = (n: number) => {
    const view = new DataView(new ArrayBuffer(v4l2_queryctrl.size));
    v4l2_queryctrl.fields.id.set(view, 0, BASE + n);
    const errno = queryControl(set, view);
    return [errno, v4l2_queryctrl.fields.id.get(view, 0), v4l2_queryctrl.fields.maximum.get(view, 0)];
  };

  it('enumerates the private user controls with plain values, and no others, by old ids', () => {
    expect([0, 1, 2].map(asked)).toEqual([
      [0, BASE, 255],
      [0, BASE + 1, 255],
      [Errno.EINVAL, BASE + 2, 0],
    ]);
  });

  it('sets one by its old id', () => {
    const view = new DataView(new ArrayBuffer(v4l2_control.size));
    v4l2_control.fields.id.set(view, 0, BASE + 1);
    v4l2_control.fields.value.set(view, 0, 7);
    expect(setControl(set, view, undefined)).toBe(0);
    expect([set.number(own(0x1003)), set.number(own(0x1005))]).toEqual([0, 7]);
  });
});
