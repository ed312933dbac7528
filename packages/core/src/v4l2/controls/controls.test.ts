// SPDX-License-Identifier: Apache-2.0

import { describe, expect, it } from 'vitest';
import { roundToStep } from '../../base/index.ts';
import {
  decodeUtf8,
  Errno,
  V4L2_CID_AUTOGAIN,
  V4L2_CID_BRIGHTNESS,
  V4L2_CID_CONTRAST,
  V4L2_CID_EXPOSURE_ABSOLUTE,
  V4L2_CID_GAIN,
  V4L2_CID_MIN_BUFFERS_FOR_CAPTURE,
  V4L2_CID_RED_BALANCE,
  V4L2_CTRL_CLASS_CAMERA,
  V4L2_CTRL_CLASS_USER,
  V4L2_CTRL_FLAG_GRABBED,
  V4L2_CTRL_FLAG_HAS_PAYLOAD,
  V4L2_CTRL_FLAG_NEXT_COMPOUND,
  V4L2_CTRL_FLAG_NEXT_CTRL,
  V4L2_CTRL_FLAG_READ_ONLY,
  V4L2_CTRL_FLAG_VOLATILE,
  V4L2_CTRL_FLAG_WRITE_ONLY,
  V4L2_CTRL_TYPE_BOOLEAN,
  V4L2_CTRL_TYPE_BUTTON,
  V4L2_CTRL_TYPE_CTRL_CLASS,
  V4L2_CTRL_TYPE_INTEGER,
  V4L2_CTRL_TYPE_INTEGER_MENU,
  V4L2_CTRL_TYPE_INTEGER64,
  V4L2_CTRL_TYPE_MENU,
  V4L2_CTRL_TYPE_STRING,
  V4L2_CTRL_TYPE_U8,
  V4L2_CTRL_WHICH_DEF_VAL,
  V4L2_CTRL_WHICH_MIN_VAL,
  V4L2_CTRL_WHICH_REQUEST_VAL,
  V4L2_EVENT_CTRL_CH_FLAGS,
  V4L2_EVENT_CTRL_CH_VALUE,
  v4l2_control,
  v4l2_ext_control,
  v4l2_ext_controls,
  v4l2_query_ext_ctrl,
  v4l2_queryctrl,
  v4l2_querymenu,
} from '../../wire/index.ts';
import {
  type ControlData,
  ControlSet,
  type ControlSpec,
  type ExtControlsCall,
  type ExtControlsVerb,
  extControls,
  getControl,
  queryControl,
  queryExtControl,
  queryMenu,
  setControl,
} from './index.ts';

const CUSTOM = V4L2_CTRL_CLASS_USER | 0x1000;
const MENU = CUSTOM | 1;
const INTEGERS = CUSTOM | 2;
const STRING = CUSTOM | 3;
const ARRAY = CUSTOM | 4;
const WIDE = CUSTOM | 5;
const BUTTON = CUSTOM | 6;

const integer = (id: number, more: Partial<ControlSpec> = {}): ControlSpec => ({
  id,
  type: V4L2_CTRL_TYPE_INTEGER,
  name: `Control ${id & 0xff}`,
  minimum: 0,
  maximum: 255,
  step: 1,
  default: 128,
  ...more,
});

const SPECS: readonly ControlSpec[] = [
  integer(V4L2_CID_EXPOSURE_ABSOLUTE),
  integer(V4L2_CID_BRIGHTNESS, { name: 'Brightness' }),
  integer(V4L2_CID_CONTRAST, { minimum: -10, maximum: 11, step: 4, default: -2 }),
  integer(V4L2_CID_AUTOGAIN, { type: V4L2_CTRL_TYPE_BOOLEAN, maximum: 1, default: 1, cluster: 1 }),
  integer(V4L2_CID_GAIN, { cluster: 1 }),
  integer(V4L2_CID_RED_BALANCE, { flags: V4L2_CTRL_FLAG_VOLATILE }),
  integer(V4L2_CID_MIN_BUFFERS_FOR_CAPTURE, { minimum: 1, maximum: 32, default: 4, flags: V4L2_CTRL_FLAG_READ_ONLY }),
  integer(MENU, { type: V4L2_CTRL_TYPE_MENU, maximum: 3, default: 0, menu: ['Off', undefined, 'Fast', 'Best'] }),
  integer(INTEGERS, { type: V4L2_CTRL_TYPE_INTEGER_MENU, maximum: 1, default: 0, integerMenu: [100, -5] }),
  integer(STRING, { type: V4L2_CTRL_TYPE_STRING, minimum: 2, maximum: 8, default: Uint8Array.from([0x68, 0x69]) }),
  integer(ARRAY, { type: V4L2_CTRL_TYPE_U8, minimum: 10, maximum: 20, default: 10, dims: [2, 3] }),
  integer(WIDE, { type: V4L2_CTRL_TYPE_INTEGER64, maximum: 2 ** 40, default: 5 }),
  integer(BUTTON, { type: V4L2_CTRL_TYPE_BUTTON, minimum: 0, maximum: 0, step: 0, default: 0 }),
];

/** A control of a call: id, value, and memory behind the pointer. */
interface Entry {
  readonly id: number;
  readonly value?: number;
  readonly size?: number;
  readonly bytes?: Uint8Array;
}

const LIMITS = { controlsPerCall: 16, controlBytes: 64 };

/** Runs one ext-controls ioctl on plain entries; `memory` is shared by address: entry i has address i. */
function run(verb: ExtControlsVerb, set: ControlSet, entries: readonly Entry[], which = 0, origin: unknown = undefined) {
  const payload = new DataView(new ArrayBuffer(v4l2_ext_controls.size));
  v4l2_ext_controls.fields.anon.fields.which.set(payload, 0, which);
  v4l2_ext_controls.fields.count.set(payload, 0, entries.length);
  const controls = new DataView(new ArrayBuffer(entries.length * v4l2_ext_control.size));
  for (const [i, entry] of entries.entries()) {
    const at = i * v4l2_ext_control.size;
    v4l2_ext_control.fields.id.set(controls, at, entry.id);
    v4l2_ext_control.fields.size.set(controls, at, entry.size ?? entry.bytes?.length ?? 0);
    if (entry.value !== undefined) v4l2_ext_control.fields.anon.fields.value64.set(controls, at, BigInt(entry.value));
  }
  const written = new Map<number, Uint8Array>();
  const call: ExtControlsCall = {
    payload,
    controls,
    lists: entries.map((entry, i) => (entry.bytes === undefined ? [] : [{ address: i, length: entry.bytes.length }])),
    memory: {
      read: ([range], length) => entries[range?.address ?? -1]?.bytes?.slice(0, length),
      write: ([range], bytes) => {
        if (range === undefined || range.length < bytes.length) return false;
        written.set(range.address, bytes.slice());
        return true;
      },
    },
    payloadOnError: false,
  };
  const errno = extControls(verb, set, call, LIMITS, origin) as number;
  expect(call.payloadOnError).toBe(true);
  return {
    errno,
    errorIdx: v4l2_ext_controls.fields.error_idx.get(payload, 0),
    value: (i: number) => v4l2_ext_control.fields.anon.fields.value.get(controls, i * v4l2_ext_control.size),
    wide: (i: number) => v4l2_ext_control.fields.anon.fields.value64.get(controls, i * v4l2_ext_control.size),
    size: (i: number) => v4l2_ext_control.fields.size.get(controls, i * v4l2_ext_control.size),
    written,
  };
}

function old(set: ControlSet, id: number, value?: number): { errno: number; value: number } {
  const view = new DataView(new ArrayBuffer(8));
  v4l2_control.fields.id.set(view, 0, id);
  v4l2_control.fields.value.set(view, 0, value ?? 0);
  const errno = value === undefined ? getControl(set, view) : (setControl(set, view, undefined) as number);
  return { errno, value: v4l2_control.fields.value.get(view, 0) };
}

describe('queries', () => {
  function enumerate(set: ControlSet, flags: number): number[] {
    const ids: number[] = [];
    const view = new DataView(new ArrayBuffer(v4l2_query_ext_ctrl.size));
    let id = 0;
    for (let i = 0; i < 100; i++) {
      v4l2_query_ext_ctrl.fields.id.set(view, 0, (id | flags) >>> 0);
      if (queryExtControl(set, view) !== 0) break;
      id = v4l2_query_ext_ctrl.fields.id.get(view, 0);
      ids.push(id);
    }
    return ids;
  }

  it('go by rising id with a heading before each class; compound controls only when asked for', () => {
    const set = new ControlSet(SPECS);
    const plain = enumerate(set, V4L2_CTRL_FLAG_NEXT_CTRL);
    expect(plain).toEqual([...plain].sort((a, b) => a - b));
    expect(plain).toContain(V4L2_CTRL_CLASS_USER | 1);
    expect(plain).toContain(V4L2_CTRL_CLASS_CAMERA | 1);
    expect(plain).not.toContain(ARRAY);
    expect(enumerate(set, V4L2_CTRL_FLAG_NEXT_COMPOUND)).toEqual([ARRAY]);
    expect(enumerate(set, V4L2_CTRL_FLAG_NEXT_CTRL | V4L2_CTRL_FLAG_NEXT_COMPOUND)).toHaveLength(plain.length + 1);
  });

  it('P17: QUERYCTRL tells the same as QUERY_EXT_CTRL where it can', () => {
    const set = new ControlSet(SPECS);
    const view = new DataView(new Uint8Array(v4l2_queryctrl.size).fill(0xff).buffer);
    const q = v4l2_queryctrl.fields;
    q.id.set(view, 0, V4L2_CID_CONTRAST);
    expect(queryControl(set, view)).toBe(0);
    expect([q.minimum, q.maximum, q.step, q.default_value].map((field) => field.get(view, 0))).toEqual([-10, 11, 4, -2]);
    expect([...q.reserved.get(view, 0)]).toEqual(new Array(8).fill(0));
    q.id.set(view, 0, V4L2_CID_BRIGHTNESS);
    queryControl(set, view);
    expect(decodeUtf8(q.name.get(view, 0))).toBe('Brightness');
    q.id.set(view, 0, 0x1234);
    expect(queryControl(set, view)).toBe(Errno.EINVAL);
  });

  it('tell the shape of arrays and strings', () => {
    const set = new ControlSet(SPECS);
    const view = new DataView(new ArrayBuffer(v4l2_query_ext_ctrl.size));
    const x = v4l2_query_ext_ctrl.fields;
    x.id.set(view, 0, ARRAY);
    expect(queryExtControl(set, view)).toBe(0);
    expect([x.elem_size, x.elems, x.nr_of_dims].map((field) => field.get(view, 0))).toEqual([1, 6, 2]);
    expect(x.flags.get(view, 0) & V4L2_CTRL_FLAG_HAS_PAYLOAD).not.toBe(0);
    x.id.set(view, 0, STRING);
    queryExtControl(set, view);
    expect(x.elem_size.get(view, 0)).toBe(9);
  });

  it('QUERYMENU names items, gives integers, and refuses holes and what is no menu', () => {
    const set = new ControlSet(SPECS);
    const view = new DataView(new ArrayBuffer(v4l2_querymenu.size));
    const m = v4l2_querymenu.fields;
    const ask = (id: number, index: number) => {
      m.id.set(view, 0, id);
      m.index.set(view, 0, index);
      return queryMenu(set, view);
    };
    expect(ask(MENU, 2)).toBe(0);
    expect(decodeUtf8(m.anon.fields.name.get(view, 0))).toBe('Fast');
    expect(ask(MENU, 1)).toBe(Errno.EINVAL);
    expect(ask(MENU, 0xffff_ffff)).toBe(Errno.EINVAL);
    expect(ask(INTEGERS, 1)).toBe(0);
    expect(m.anon.fields.value.get(view, 0)).toBe(-5n);
    expect(ask(V4L2_CID_BRIGHTNESS, 0)).toBe(Errno.EINVAL);
  });
});

describe('G_CTRL and S_CTRL', () => {
  it('round integers into range and step, as the kernel does', () => {
    const set = new ControlSet(SPECS);
    expect(old(set, V4L2_CID_CONTRAST, 1000)).toEqual({ errno: 0, value: 10 });
    expect(old(set, V4L2_CID_CONTRAST, -1000)).toEqual({ errno: 0, value: -10 });
    expect(old(set, V4L2_CID_CONTRAST, 1)).toEqual({ errno: 0, value: 2 });
    expect(old(set, V4L2_CID_CONTRAST)).toEqual({ errno: 0, value: 2 });
    expect(old(set, V4L2_CID_AUTOGAIN, -7)).toEqual({ errno: 0, value: 1 });
    expect(roundToStep(7, 0, 255, 5)).toBe(5);
  });

  it('name the errno for each refusal', () => {
    const set = new ControlSet(SPECS);
    expect(old(set, 0x1234).errno).toBe(Errno.EINVAL);
    expect(old(set, STRING).errno).toBe(Errno.EINVAL);
    expect(old(set, WIDE, 1).errno).toBe(Errno.EINVAL);
    expect(old(set, MENU, 4).errno).toBe(Errno.ERANGE);
    expect(old(set, MENU, 1).errno).toBe(Errno.EINVAL);
    expect(old(set, V4L2_CID_MIN_BUFFERS_FOR_CAPTURE, 2).errno).toBe(Errno.EACCES);
    expect(old(set, BUTTON).errno).toBe(Errno.EACCES);
    expect(old(set, BUTTON, 1).errno).toBe(0);
    expect(old(set, V4L2_CTRL_CLASS_USER | 1).errno).toBe(Errno.EACCES);
    expect(old(set, V4L2_CTRL_CLASS_USER | 1, 1).errno).toBe(Errno.EACCES);
    set.setFlags(V4L2_CID_BRIGHTNESS, V4L2_CTRL_FLAG_GRABBED);
    expect(old(set, V4L2_CID_BRIGHTNESS, 1).errno).toBe(Errno.EBUSY);
  });

  it('ask the host for volatile values', () => {
    const set = new ControlSet(SPECS, { read: () => 42 });
    expect(old(set, V4L2_CID_RED_BALANCE)).toEqual({ errno: 0, value: 42 });
    expect(old(set, V4L2_CID_BRIGHTNESS)).toEqual({ errno: 0, value: 128 });
  });
});

describe('the ext-controls ioctls', () => {
  it('set error_idx to count where G and S refuse before they do anything, and to the control for TRY', () => {
    const set = new ControlSet(SPECS);
    const entries = [{ id: V4L2_CID_BRIGHTNESS, value: 1 }, { id: 0 }];
    expect(run('get', set, entries)).toMatchObject({ errno: Errno.EINVAL, errorIdx: 2 });
    expect(run('set', set, entries)).toMatchObject({ errno: Errno.EINVAL, errorIdx: 2 });
    expect(run('try', set, entries)).toMatchObject({ errno: Errno.EINVAL, errorIdx: 1 });
    const readOnly = [{ id: V4L2_CID_BRIGHTNESS, value: 1 }, { id: V4L2_CID_MIN_BUFFERS_FOR_CAPTURE }];
    expect(run('set', set, readOnly)).toMatchObject({ errno: Errno.EACCES, errorIdx: 2 });
    expect(run('try', set, readOnly)).toMatchObject({ errno: Errno.EACCES, errorIdx: 1 });
    expect(run('get', set, [{ id: V4L2_CID_BRIGHTNESS }, { id: BUTTON }])).toMatchObject({ errno: Errno.EACCES, errorIdx: 2 });
    expect(set.number(V4L2_CID_BRIGHTNESS)).toBe(128);
  });

  it('tell with count 0 whether a class is there', () => {
    const set = new ControlSet(SPECS);
    expect(run('get', set, [], 0).errno).toBe(0);
    expect(run('set', set, [], V4L2_CTRL_CLASS_USER).errno).toBe(0);
    expect(run('try', set, [], 0x00f0_0000).errno).toBe(Errno.EINVAL);
  });

  it('refuse controls of another class than `which`', () => {
    const set = new ControlSet(SPECS);
    const entries = [{ id: V4L2_CID_EXPOSURE_ABSOLUTE }];
    expect(run('get', set, entries, V4L2_CTRL_CLASS_CAMERA).errno).toBe(0);
    expect(run('get', set, entries, V4L2_CTRL_CLASS_USER)).toMatchObject({ errno: Errno.EINVAL, errorIdx: 1 });
  });

  it('give defaults by `which`, which cannot be set, and know no requests and no range', () => {
    const set = new ControlSet(SPECS);
    const entries = [{ id: V4L2_CID_BRIGHTNESS, value: 3 }];
    run('set', set, entries);
    expect(run('get', set, entries).value(0)).toBe(3);
    expect(run('get', set, entries, V4L2_CTRL_WHICH_DEF_VAL).value(0)).toBe(128);
    expect(run('set', set, entries, V4L2_CTRL_WHICH_DEF_VAL)).toMatchObject({ errno: Errno.EINVAL, errorIdx: 1 });
    expect(run('get', set, entries, V4L2_CTRL_WHICH_REQUEST_VAL).errno).toBe(Errno.EINVAL);
    expect(run('get', set, entries, V4L2_CTRL_WHICH_MIN_VAL).errno).toBe(Errno.EINVAL);
  });

  it('refuse more controls than a call may have (P19)', () => {
    const set = new ControlSet(SPECS);
    const many = Array.from({ length: 17 }, () => ({ id: V4L2_CID_BRIGHTNESS }));
    expect(run('get', set, many).errno).toBe(Errno.EINVAL);
  });
});

describe('values of the ext-controls ioctls', () => {
  it('are rounded by TRY, which changes nothing, and by S, which sets them', () => {
    const set = new ControlSet(SPECS);
    expect(run('try', set, [{ id: V4L2_CID_CONTRAST, value: 3 }]).value(0)).toBe(2);
    expect(set.number(V4L2_CID_CONTRAST)).toBe(-2);
    expect(run('set', set, [{ id: V4L2_CID_CONTRAST, value: 3 }]).value(0)).toBe(2);
    expect(set.number(V4L2_CID_CONTRAST)).toBe(2);
  });

  it('carry 64 bits where a control has them', () => {
    const set = new ControlSet(SPECS);
    expect(run('set', set, [{ id: WIDE, value: 2 ** 45 }]).wide(0)).toBe(2n ** 40n);
    expect(run('get', set, [{ id: WIDE }]).wide(0)).toBe(2n ** 40n);
  });

  it('VM-DX17: strings too large for the guest are answered with ENOSPC and the size', () => {
    const set = new ControlSet(SPECS);
    const small = run('get', set, [{ id: STRING, bytes: new Uint8Array(2) }]);
    expect(small).toMatchObject({ errno: Errno.ENOSPC, errorIdx: 0 });
    expect(small.size(0)).toBe(9);
    expect([...(run('get', set, [{ id: STRING, bytes: new Uint8Array(9) }]).written.get(0) ?? [])]).toEqual([0x68, 0x69, 0]);
  });

  it('take strings with and without their final 0, and refuse wrong lengths with ERANGE', () => {
    const set = new ControlSet(SPECS);
    const text = (...bytes: number[]) => ({ id: STRING, bytes: Uint8Array.from(bytes) });
    expect(run('set', set, [text(65, 66, 67, 0, 99)]).errno).toBe(0);
    expect(set.value(STRING)).toEqual(Uint8Array.from([65, 66, 67]));
    expect(run('set', set, [text(65)]).errno).toBe(Errno.ERANGE);
    expect(run('set', set, [text(1, 2, 3, 4, 5, 6, 7, 8, 9)]).errno).toBe(Errno.ERANGE);
    expect(run('set', set, [{ id: STRING, size: 0 }]).errno).toBe(Errno.ERANGE);
    expect(run('set', set, [{ id: STRING, size: 4 }]).errno).toBe(Errno.EFAULT);
  });

  it('round the elements of an array, and ask for all of them', () => {
    const set = new ControlSet(SPECS);
    const result = run('set', set, [{ id: ARRAY, bytes: Uint8Array.from([0, 10, 15, 20, 21, 255]) }]);
    expect(result.errno).toBe(0);
    expect(set.value(ARRAY)).toEqual(Uint8Array.from([10, 10, 15, 20, 20, 20]));
    expect(result.written.get(0)).toEqual(Uint8Array.from([10, 10, 15, 20, 20, 20]));
    expect(run('set', set, [{ id: ARRAY, bytes: new Uint8Array(5) }])).toMatchObject({ errno: Errno.EFAULT, errorIdx: 1 });
    const short = run('get', set, [{ id: ARRAY, bytes: new Uint8Array(5) }]);
    expect(short.errno).toBe(Errno.ENOSPC);
    expect(short.size(0)).toBe(6);
  });

  it('set a cluster in one go, and none of it if the host refuses', () => {
    const calls: [number, ControlData][][] = [];
    const set = new ControlSet(SPECS, {
      set: (values) => {
        calls.push([...values]);
        return values.get(V4L2_CID_GAIN) === 13 ? Errno.EIO : 0;
      },
    });
    const both = [
      { id: V4L2_CID_AUTOGAIN, value: 0 },
      { id: V4L2_CID_BRIGHTNESS, value: 9 },
      { id: V4L2_CID_GAIN, value: 7 },
    ];
    expect(run('set', set, both).errno).toBe(0);
    expect(calls).toEqual([
      [
        [V4L2_CID_AUTOGAIN, 0],
        [V4L2_CID_GAIN, 7],
      ],
      [[V4L2_CID_BRIGHTNESS, 9]],
    ]);
    const refused = [
      { id: V4L2_CID_AUTOGAIN, value: 1 },
      { id: V4L2_CID_GAIN, value: 13 },
    ];
    expect(run('set', set, refused).errno).toBe(Errno.EIO);
    expect([set.number(V4L2_CID_AUTOGAIN), set.number(V4L2_CID_GAIN)]).toEqual([0, 7]);
  });
});

describe('changes of controls', () => {
  it('are told with who caused them, and only if something changed', () => {
    const set = new ControlSet(SPECS);
    const heard: unknown[] = [];
    set.listen(({ control, changes, origin }) => heard.push([control.spec.id, changes, origin]));
    run('set', set, [{ id: V4L2_CID_BRIGHTNESS, value: 5 }], 0, 'me');
    run('set', set, [{ id: V4L2_CID_BRIGHTNESS, value: 5 }], 0, 'me');
    set.setFlags(V4L2_CID_BRIGHTNESS, V4L2_CTRL_FLAG_GRABBED);
    set.setFlags(V4L2_CID_BRIGHTNESS, V4L2_CTRL_FLAG_GRABBED);
    expect(heard).toEqual([
      [V4L2_CID_BRIGHTNESS, V4L2_EVENT_CTRL_CH_VALUE, 'me'],
      [V4L2_CID_BRIGHTNESS, V4L2_EVENT_CTRL_CH_FLAGS, undefined],
    ]);
  });

  it('of a button are told every time it is pressed, though it has no value', () => {
    const set = new ControlSet(SPECS);
    let heard = 0;
    set.listen(() => {
      heard += 1;
    });
    expect(old(set, BUTTON, 5).errno).toBe(0);
    expect(old(set, BUTTON, 5).errno).toBe(0);
    expect(heard).toBe(2);
  });

  it('controls of every class, known or not, have a heading, so that an application can show them', () => {
    const vendor = 0x00f0_1234;
    const set = new ControlSet([integer(vendor)]);
    expect(set.ordered.map((control) => control.spec.id)).toEqual([0x00f0_0001, vendor]);
    expect(run('get', set, [], 0x00f0_0000).errno).toBe(0);
  });

  it('headings are read-only and write-only, without value', () => {
    const heading = new ControlSet(SPECS).find(V4L2_CTRL_CLASS_USER | 1);
    expect(heading?.spec.type).toBe(V4L2_CTRL_TYPE_CTRL_CLASS);
    expect(heading?.flags).toBe(V4L2_CTRL_FLAG_READ_ONLY | V4L2_CTRL_FLAG_WRITE_ONLY);
  });
});
